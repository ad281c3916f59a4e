import {
  type BpfInstruction,
  type BpfProgram,
  findProgramFault,
  type SyscallData,
  writeProgram,
} from "../../../src/seccomp/index.js";
import type { Random } from "./random.js";

const ARCH_X86_64 = 0xc000003e;
/** Values at which arithmetic and comparisons turn. */
const EDGES = [0, 1, 2, 3, 31, 32, 64, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
/** One answer of each action, two of them unknown ones, with data that some actions show. */
const ANSWERS = [
  0, 0x10000, 0x30007, 0x50000, 0x50001, 0x5ffff, 0x7fc00003, 0x7ff00005, 0x7ffc0001, 0x7fff0000, 0x80000000, 0xffff0000,
];

/** Opcodes of include/uapi/linux/bpf_common.h. */
const LOAD_WORD = 0x20;
const ARITHMETIC = [0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0xa4];
const JUMPS = [0x15, 0x25, 0x35, 0x45];
const BY_X = 0x08;
const RETURN = 0x06;
const RETURN_A = 0x16;

export interface ProgramShape {
  /** Most instructions. */
  readonly lengthMax: number;
  /** Without products, quotients and X shifts of two words of the call, which no exact method decides cheaply. */
  readonly decidable: boolean;
}

/** A program that the kernel accepts, using every opcode there is. */
export function randomProgram(random: Random, shape: ProgramShape): BpfProgram {
  for (;;) {
    const length = 2 + random.below(shape.lengthMax - 1);
    const instructions = Array.from({ length }, (_, index) => randomInstruction(random, length - index - 1, shape));
    if (findProgramFault(instructions) === null) return writeProgram(instructions);
  }
}

function randomInstruction(random: Random, following: number, shape: ProgramShape): BpfInstruction {
  const of = (code: number, operand = 0, jumpTrue = 0, jumpFalse = 0): BpfInstruction => ({ code, operand, jumpTrue, jumpFalse });
  if (following === 0 || random.chance(4)) return random.chance(70) ? of(RETURN, random.pick(ANSWERS)) : of(RETURN_A);
  const value = random.chance(70) ? random.pick(EDGES) : random.word();
  const slot = random.below(3);
  const distance = (): number => random.below(Math.min(following, 6));
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      return of(LOAD_WORD, 4 * random.below(shape.decidable ? 8 : 16));
    case 3:
    case 4:
      return arithmetic(random, value, shape);
    case 5:
    case 6:
    case 7:
      return of(random.pick(JUMPS) | (random.chance(25) ? BY_X : 0), value, distance(), distance());
    case 8:
      return random.chance(50) ? of(0x05, distance()) : of(0x84);
    case 9:
      return of(random.pick([0x00, 0x01, 0x80, 0x81]), value);
    case 10:
      return of(random.pick([0x07, 0x87]));
    default:
      return of(random.pick([0x02, 0x03, 0x60, 0x61]), slot);
  }
}

function arithmetic(random: Random, value: number, shape: ProgramShape): BpfInstruction {
  const code = random.pick(ARITHMETIC);
  const costly = code === 0x24 || code === 0x34;
  const byX = random.chance(35) && !(shape.decidable && (costly || code === 0x64 || code === 0x74));
  const small = code === 0x64 || code === 0x74 ? value % 32 : shape.decidable && costly ? 1 + (value % 7) : value;
  return { code: code | (byX ? BY_X : 0), operand: small, jumpTrue: 0, jumpFalse: 0 };
}

/** A call whose words are often ones that the program compares with, or near them. */
export function randomCall(random: Random, program: BpfProgram): SyscallData {
  const constants = program.instructions.map(({ operand }) => operand);
  const word = (): number => {
    const roll = random.below(10);
    if (roll < 4) return random.pick(constants);
    if (roll < 6) return (random.pick(constants) + random.pick([-1, 1])) >>> 0;
    return roll < 8 ? random.pick(EDGES) : random.word();
  };
  const wide = (): bigint => (BigInt(word()) << 32n) | BigInt(word());
  return {
    number: word(),
    arch: random.chance(50) ? ARCH_X86_64 : word(),
    instructionPointer: wide(),
    args: Array.from({ length: 6 }, wide),
  };
}
