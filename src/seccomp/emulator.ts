import {
  ALU,
  CLASS,
  CLASS_MASK,
  JMP,
  MISC_TXA,
  MODE,
  MODE_MASK,
  OPERATION_MASK,
  RETURN_A,
  SCRATCH_WORDS,
  SECCOMP_DATA_BYTES,
  SOURCE_X,
} from "./bpf_opcodes.js";
import type { BpfInstruction } from "./bpf_program.js";
import { type KernelVersion, winningAnswer } from "./effect.js";

/** What a filter sees of a call: struct seccomp_data of include/uapi/linux/seccomp.h. */
export interface SyscallData {
  /** Syscall number, as unsigned 32 bits; x32 calls have bit 30 set. */
  readonly number: number;
  /** AUDIT_ARCH_*. */
  readonly arch: number;
  /** Address after the syscall instruction. Default 0. */
  readonly instructionPointer?: bigint;
  /** Up to six 64-bit arguments; missing ones are 0. */
  readonly args: readonly bigint[];
}

/** AUDIT_ARCH_X86_64: include/uapi/linux/audit.h. */
export const AUDIT_ARCH_X86_64 = 0xc000003e;
/** __X32_SYSCALL_BIT: arch/x86/include/uapi/asm/unistd.h. */
export const X32_BIT = 0x40000000;

/** One run of a filter. */
export interface Evaluation {
  /** The 32-bit answer; effectOf tells what the kernel makes of it. */
  readonly answer: number;
  /** Index of the instruction that gave the answer: a RET, or a division by an X of 0. */
  readonly line: number;
  /** Instructions executed, that one included. */
  readonly executed: number;
}

/** Runs a filter on one call and returns its 32-bit answer. As evaluate otherwise. */
export function emulate(program: readonly BpfInstruction[], data: SyscallData): number {
  return evaluate(program, data).answer;
}

/**
 * Runs a filter on one call as the kernel's interpreter does. The program must pass findProgramFault; all jumps then go
 * forward, so it ends. Throws RangeError when it runs off the end: a checked one cannot.
 */
export function evaluate(program: readonly BpfInstruction[], data: SyscallData): Evaluation {
  return run(program, packSyscallData(data));
}

/**
 * Runs all filters of a thread, given as they were installed, the oldest first, and returns the answer that counts: the
 * strongest, of equals the newest one's. `kernel` as for effectOf.
 */
export function emulateStack(
  programs: readonly (readonly BpfInstruction[])[],
  data: SyscallData,
  kernel?: KernelVersion,
): number {
  return winningAnswer(
    programs.toReversed().map((program) => emulate(program, data)),
    kernel,
  );
}

/** The 16 little-endian words that LD ABS reads. */
export function packSyscallData(data: SyscallData): Uint32Array {
  const words = new Uint32Array(SECCOMP_DATA_BYTES / 4);
  words[0] = data.number;
  words[1] = data.arch;
  const wide = [data.instructionPointer ?? 0n, ...data.args];
  wide.forEach((value, index) => {
    words[2 + 2 * index] = Number(value & 0xffffffffn);
    words[3 + 2 * index] = Number((value >> 32n) & 0xffffffffn);
  });
  return words;
}

interface Machine {
  a: number;
  x: number;
  readonly scratch: Uint32Array;
}

function run(program: readonly BpfInstruction[], words: Uint32Array): Evaluation {
  const machine: Machine = { a: 0, x: 0, scratch: new Uint32Array(SCRATCH_WORDS) };
  for (let pc = 0, executed = 1; pc < program.length; pc++, executed++) {
    const instruction = program[pc] as BpfInstruction;
    const { code, operand } = instruction;
    switch (code & CLASS_MASK) {
      case CLASS.ld:
        machine.a = load(machine, words, instruction);
        break;
      case CLASS.ldx:
        machine.x = load(machine, words, instruction);
        break;
      case CLASS.st:
        machine.scratch[operand] = machine.a;
        break;
      case CLASS.stx:
        machine.scratch[operand] = machine.x;
        break;
      case CLASS.alu: {
        const right = (code & SOURCE_X) === 0 ? operand : machine.x;
        // The kernel ends the filter with 0, which is KILL_THREAD, when X is 0 here.
        if ((code & OPERATION_MASK) === ALU.div && right === 0) return { answer: 0, line: pc, executed };
        machine.a = calculate(code & OPERATION_MASK, machine.a, right);
        break;
      }
      case CLASS.jmp:
        pc += distance(machine, instruction);
        break;
      case CLASS.ret:
        return { answer: (code & RETURN_A) === 0 ? operand : machine.a, line: pc, executed };
      default:
        if ((code & MISC_TXA) === 0) machine.x = machine.a;
        else machine.a = machine.x;
    }
  }
  throw new RangeError("the BPF program has no return on this path; check it with findProgramFault first");
}

function load(machine: Machine, words: Uint32Array, { code, operand }: BpfInstruction): number {
  switch (code & MODE_MASK) {
    case MODE.abs:
      return words[operand / 4] ?? 0;
    case MODE.mem:
      return machine.scratch[operand] ?? 0;
    case MODE.len:
      return SECCOMP_DATA_BYTES;
    default:
      return operand;
  }
}

/** Unsigned 32-bit arithmetic; shifts take the low five bits. */
function calculate(operation: number, left: number, right: number): number {
  switch (operation) {
    case ALU.add:
      return (left + right) >>> 0;
    case ALU.sub:
      return (left - right) >>> 0;
    case ALU.mul:
      return Math.imul(left, right) >>> 0;
    case ALU.div:
      return Math.floor(left / right);
    case ALU.or:
      return (left | right) >>> 0;
    case ALU.and:
      return (left & right) >>> 0;
    case ALU.xor:
      return (left ^ right) >>> 0;
    case ALU.lsh:
      return (left << right) >>> 0;
    case ALU.rsh:
      return left >>> right;
    default:
      return -left >>> 0;
  }
}

/** How many instructions a jump skips. */
function distance({ a, x }: Machine, instruction: BpfInstruction): number {
  const operation = instruction.code & OPERATION_MASK;
  if (operation === JMP.ja) return instruction.operand;
  const right = (instruction.code & SOURCE_X) === 0 ? instruction.operand : x;
  return holds(operation, a, right) ? instruction.jumpTrue : instruction.jumpFalse;
}

function holds(operation: number, left: number, right: number): boolean {
  switch (operation) {
    case JMP.jeq:
      return left === right;
    case JMP.jgt:
      return left > right;
    case JMP.jge:
      return left >= right;
    default:
      return (left & right) !== 0;
  }
}
