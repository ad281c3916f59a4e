import { CLASS, CLASS_MASK, JMP, MODE, MODE_MASK, OPERATION_MASK, SOURCE_X } from "../bpf_opcodes.js";
import type { BpfInstruction } from "../bpf_program.js";

/** What A holds where a listing can tell: a word of the call's data by its offset. */
export interface Knowledge {
  /** Offset in struct seccomp_data of the word that A holds unchanged; null when it is anything else. */
  readonly offset: number | null;
  /** Every syscall number with which this line is reached lies between these, both included. */
  readonly first: number;
  readonly last: number;
}

/** Offset of nr in struct seccomp_data. */
const NUMBER_OFFSET = 0;
const NOTHING: Knowledge = { offset: null, first: 0, last: 0xffffffff };

/**
 * For each line what is known when it is reached, on all ways that lead to it; lines that nothing leads to know nothing. Jumps only
 * go forward, so one pass settles it. The program must pass findProgramFault.
 */
export function knowledgeByLine(program: readonly BpfInstruction[]): Knowledge[] {
  const known: (Knowledge | undefined)[] = [NOTHING];
  const reach = (line: number, knowledge: Knowledge): void => {
    const before = known[line];
    known[line] = before === undefined ? knowledge : agreeing(before, knowledge);
  };
  program.forEach((instruction, line) => {
    const before = known[line];
    if (before === undefined) return;
    const { code, operand, jumpTrue, jumpFalse } = instruction;
    const kind = code & CLASS_MASK;
    if (kind === CLASS.ret) return;
    if (kind !== CLASS.jmp) reach(line + 1, after(instruction, before));
    else if ((code & OPERATION_MASK) === JMP.ja) reach(line + 1 + operand, before);
    else {
      reach(line + 1 + jumpTrue, narrowed(instruction, before, true));
      reach(line + 1 + jumpFalse, narrowed(instruction, before, false));
    }
  });
  return program.map((_, line) => known[line] ?? NOTHING);
}

function agreeing(a: Knowledge, b: Knowledge): Knowledge {
  const offset = a.offset === b.offset ? a.offset : null;
  return { offset, first: Math.min(a.first, b.first), last: Math.max(a.last, b.last) };
}

/** What a test of the number leaves possible on one of its ends. */
function narrowed({ code, operand }: BpfInstruction, before: Knowledge, met: boolean): Knowledge {
  if (before.offset !== NUMBER_OFFSET || (code & SOURCE_X) !== 0) return before;
  const { first, last } = before;
  switch (code & OPERATION_MASK) {
    case JMP.jeq:
      if (met) return { ...before, first: operand, last: operand };
      return { ...before, first: first === operand ? first + 1 : first, last: last === operand ? last - 1 : last };
    case JMP.jge:
      return met ? { ...before, first: Math.max(first, operand) } : { ...before, last: Math.min(last, operand - 1) };
    case JMP.jgt:
      return met ? { ...before, first: Math.max(first, operand + 1) } : { ...before, last: Math.min(last, operand) };
    default:
      return before;
  }
}

function after({ code, operand }: BpfInstruction, before: Knowledge): Knowledge {
  switch (code & CLASS_MASK) {
    case CLASS.ld:
      return { ...before, offset: (code & MODE_MASK) === MODE.abs ? operand : null };
    case CLASS.alu:
      return { ...before, offset: null };
    case CLASS.misc:
      // TAX leaves A alone; SOURCE_X is no part of MISC, whose only other operation is TXA.
      return (code & OPERATION_MASK) === 0 && (code & SOURCE_X) === 0 ? before : { ...before, offset: null };
    default:
      return before;
  }
}
