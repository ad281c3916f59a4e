import type { Instruction, Operand, Register, Source } from "./decode.js";

/** Scratch words of the machine: BPF_MEMWORDS of include/uapi/linux/filter.h. */
export const SLOTS = 16;

/** A, X and the scratch words as bits of a set. */
export const LIVE_A = 1;
export const LIVE_X = 2;
export const liveSlot = (slot: number): number => 4 << slot;

const bitOf = (register: Register): number => (register === "a" ? LIVE_A : LIVE_X);
const readBy = (operand: Operand): number => (operand === "x" ? LIVE_X : 0);
const readFrom = (source: Source): number => ("slot" in source ? liveSlot(source.slot) : 0);

/**
 * For each instruction the registers and scratch words that may still be read from it on. Two ways that arrive with the same
 * values in these arrive with the same future, whatever else differs. Jumps go forward only, so one pass from the end is exact.
 */
export function findLiveness(program: readonly Instruction[]): Uint32Array {
  const live = new Uint32Array(program.length + 1);
  for (let index = program.length - 1; index >= 0; index -= 1) {
    live[index] = liveBefore(program[index] as Instruction, index, live);
  }
  return live;
}

function liveBefore(instruction: Instruction, index: number, live: Uint32Array): number {
  const after = (target: number): number => live[target] as number;
  const next = after(index + 1);
  switch (instruction.kind) {
    case "load":
      return (next & ~bitOf(instruction.to)) | readFrom(instruction.source);
    case "store":
      return (next & ~liveSlot(instruction.slot)) | bitOf(instruction.from);
    case "arithmetic":
      return next | LIVE_A | readBy(instruction.operand);
    case "negate":
      return next | LIVE_A;
    case "move":
      return (next & ~bitOf(instruction.to)) | bitOf(instruction.to === "a" ? "x" : "a");
    case "jump":
      return after(instruction.target);
    case "branch":
      return after(instruction.yes) | after(instruction.no) | LIVE_A | readBy(instruction.operand);
    case "return":
      return instruction.value === "a" ? LIVE_A : 0;
  }
}
