import { WORDS } from "./call_words.js";
import type { Instruction, Register, Source } from "./decode.js";
import { SLOTS } from "./liveness.js";

/** Sets of words, as bits, that A, X and the scratch words may depend on before an instruction. */
interface Origins {
  a: number;
  x: number;
  readonly slots: number[];
}

/** Finds the words that a program computes with or compares with one another, for the order of bits. */
export function findWordGroups(program: readonly Instruction[]): number[][] {
  if (!program.some(usesBoth)) return [];
  const joined: number[] = [];
  const before: (Origins | undefined)[] = [{ a: 0, x: 0, slots: new Array<number>(SLOTS).fill(0) }];
  const flow = (target: number, origins: Origins): void => {
    before[target] = before[target] === undefined ? copy(origins) : union(before[target], origins);
  };
  program.forEach((instruction, index) => {
    const origins = before[index];
    // Code that no way leads to decides nothing.
    if (origins === undefined) return;
    if (usesBoth(instruction)) joined.push(origins.a | origins.x);
    for (const target of step(instruction, index, origins)) flow(target, origins);
  });
  return toGroups(joined);
}

function usesBoth(instruction: Instruction): boolean {
  return (instruction.kind === "arithmetic" || instruction.kind === "branch") && instruction.operand === "x";
}

/** Changes the origins as the instruction does, and tells where it goes on. */
function step(instruction: Instruction, index: number, origins: Origins): number[] {
  switch (instruction.kind) {
    case "load":
      set(origins, instruction.to, originOf(instruction.source, origins));
      break;
    case "store":
      origins.slots[instruction.slot] = origins[instruction.from];
      break;
    case "arithmetic":
      if (instruction.operand === "x") origins.a |= origins.x;
      break;
    case "move":
      set(origins, instruction.to, instruction.to === "a" ? origins.x : origins.a);
      break;
    case "jump":
      return [instruction.target];
    case "branch":
      return [instruction.yes, instruction.no];
    case "return":
      return [];
    case "negate":
      break;
  }
  return [index + 1];
}

function set(origins: Origins, register: Register, words: number): void {
  origins[register] = words;
}

function originOf(source: Source, origins: Origins): number {
  if ("word" in source) return 1 << source.word;
  return "slot" in source ? (origins.slots[source.slot] as number) : 0;
}

function copy({ a, x, slots }: Origins): Origins {
  return { a, x, slots: [...slots] };
}

function union(first: Origins, second: Origins): Origins {
  return {
    a: first.a | second.a,
    x: first.x | second.x,
    slots: first.slots.map((words, slot) => words | (second.slots[slot] as number)),
  };
}

/** Overlapping sets become one. Only sets of two words or more matter. */
function toGroups(sets: readonly number[]): number[][] {
  const merged: number[] = [];
  for (const words of sets) {
    let group = words;
    for (let index = merged.length - 1; index >= 0; index -= 1) {
      if (((merged[index] as number) & group) === 0) continue;
      group |= merged.splice(index, 1)[0] as number;
    }
    if (group !== 0) merged.push(group);
  }
  const members = merged.map((group) => Array.from({ length: WORDS }, (_, word) => word).filter((word) => (group >>> word) & 1));
  return members.filter((group) => group.length > 1);
}
