import {
  ACCEPTED_OPCODES,
  ALU,
  CLASS,
  CLASS_MASK,
  INSTRUCTIONS_MAX,
  JMP,
  MODE,
  MODE_MASK,
  OPERATION_MASK,
  SCRATCH_WORDS,
  SECCOMP_DATA_BYTES,
  SOURCE_X,
} from "./bpf_opcodes.js";
import type { BpfInstruction } from "./bpf_program.js";

/** The reason for which the kernel would answer EINVAL to a filter, with the instruction's index; null when it would load. */
export function findProgramFault(program: readonly BpfInstruction[]): string | null {
  if (program.length < 1 || program.length > INSTRUCTIONS_MAX) {
    return `${program.length} instructions; the kernel takes 1 to ${INSTRUCTIONS_MAX}`;
  }
  for (const [index, instruction] of program.entries()) {
    const fault = instructionFault(instruction, program.length - index - 1);
    if (fault !== null) return `instruction ${index}: ${fault}`;
  }
  const last = program[program.length - 1] as BpfInstruction;
  if ((last.code & CLASS_MASK) !== CLASS.ret) return `instruction ${program.length - 1}: the last one must return`;
  return findUnsetScratch(program);
}

/** `following` instructions stand behind this one; a jump may not pass the last of them. */
function instructionFault(instruction: BpfInstruction, following: number): string | null {
  const { code, operand } = instruction;
  if (!ACCEPTED_OPCODES.has(code)) return `opcode 0x${code.toString(16)} is not allowed in a seccomp filter`;
  switch (code & CLASS_MASK) {
    case CLASS.ld:
    case CLASS.ldx:
      return loadFault(code & MODE_MASK, operand);
    case CLASS.st:
    case CLASS.stx:
      return operand < SCRATCH_WORDS ? null : `scratch word ${operand} of ${SCRATCH_WORDS}`;
    case CLASS.alu:
      return arithmeticFault(code, operand);
    case CLASS.jmp:
      return jumpFault(instruction, following);
    default:
      return null;
  }
}

function loadFault(mode: number, operand: number): string | null {
  if (mode === MODE.mem && operand >= SCRATCH_WORDS) return `scratch word ${operand} of ${SCRATCH_WORDS}`;
  if (mode === MODE.abs && (operand % 4 !== 0 || operand >= SECCOMP_DATA_BYTES))
    return `offset ${operand} is no word of the call's data`;
  return null;
}

function arithmeticFault(code: number, operand: number): string | null {
  if ((code & SOURCE_X) !== 0) return null;
  const operation = code & OPERATION_MASK;
  if (operation === ALU.div && operand === 0) return "division by zero";
  if ((operation === ALU.lsh || operation === ALU.rsh) && operand >= 32) return `shift by ${operand} bits`;
  return null;
}

function jumpFault(instruction: BpfInstruction, following: number): string | null {
  const always = (instruction.code & OPERATION_MASK) === JMP.ja;
  const furthest = always ? instruction.operand : Math.max(instruction.jumpTrue, instruction.jumpFalse);
  return furthest < following ? null : `jumps ${furthest} ahead with ${following} to go`;
}

const ALL_SET = 0xffff;

/** A scratch word must be written on every path before it is read: check_load_and_stores() of net/core/filter.c. */
function findUnsetScratch(program: readonly BpfInstruction[]): string | null {
  const setOnEntry = new Uint16Array(program.length).fill(ALL_SET);
  let set = 0;
  const meet = (target: number) => {
    setOnEntry[target] = (setOnEntry[target] ?? 0) & set;
  };
  for (const [index, { code, operand, jumpTrue, jumpFalse }] of program.entries()) {
    set &= setOnEntry[index] ?? 0;
    const kind = code & CLASS_MASK;
    if (kind === CLASS.st || kind === CLASS.stx) set |= 1 << operand;
    const reads = (kind === CLASS.ld || kind === CLASS.ldx) && (code & MODE_MASK) === MODE.mem;
    if (reads && (set & (1 << operand)) === 0)
      return `instruction ${index}: scratch word ${operand} is read before it is written`;
    if (kind !== CLASS.jmp) continue;
    if ((code & OPERATION_MASK) === JMP.ja) meet(index + 1 + operand);
    else for (const jump of [jumpTrue, jumpFalse]) meet(index + 1 + jump);
    // What follows a jump is reached only from jumps that were met above.
    set = ALL_SET;
  }
  return null;
}
