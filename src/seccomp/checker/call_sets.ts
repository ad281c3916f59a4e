import type { ArgumentCheck } from "../rule.js";
import { SYSCALL_NUMBERS } from "../syscall_numbers.js";
import { ARCH_X86_64 } from "./call.js";
import type { CallSpace } from "./call_space.js";
import { WORD, WORD_BITS } from "./call_words.js";
import { FALSE, type Node, TRUE } from "./diagram.js";
import { RuleDiagram } from "./rule_diagram.js";

/** A set of calls; what is left out does not matter. */
export interface CallSet {
  /**
   * By which way into the kernel. `native`: x86-64's own numbers, the default. `x32`: bit 30 of the number set, of a number that
   * x32's table has. `foreign`: any other arch.
   */
  readonly entry?: "native" | "x32" | "foreign";
  /** Its name on x86-64. */
  readonly syscall?: string;
  /** Instead of a name: a number, which no table need have. */
  readonly number?: number;
  /** All of them hold. */
  readonly checks?: readonly ArgumentCheck[];
}

/** Bit 30 of the number: __X32_SYSCALL_BIT of arch/x86/include/uapi/asm/unistd.h. */
const X32_PLACE = 30;
/** Above the 547 of x32's last call no table has a number: arch/x86/entry/syscalls/syscall_64.tbl. */
const NUMBER_BITS = 10;

/** The calls of a set as a condition. The name must be of x86-64. */
export function conditionOf(space: CallSpace, { entry = "native", syscall, number, checks = [] }: CallSet): Node {
  const { diagrams } = space;
  const conditions = [entryCondition(space, entry), new RuleDiagram(diagrams, space.order).condition(checks)];
  const named = syscall === undefined ? number : SYSCALL_NUMBERS.get(syscall);
  if (named !== undefined) conditions.push(wordIs(space, WORD.number, entry === "x32" ? named + 2 ** X32_PLACE : named));
  return conditions.reduce((all, condition) => diagrams.and(all, condition), TRUE);
}

function entryCondition(space: CallSpace, entry: "native" | "x32" | "foreign"): Node {
  const { diagrams } = space;
  const isX86 = wordIs(space, WORD.arch, ARCH_X86_64);
  if (entry === "foreign") return diagrams.not(isX86);
  let inTable: Node = TRUE;
  for (let place = NUMBER_BITS; place < WORD_BITS; place += 1) {
    const bit = bitOf(space, WORD.number, place);
    inTable = diagrams.and(entry === "x32" && place === X32_PLACE ? bit : diagrams.not(bit), inTable);
  }
  return diagrams.and(isX86, inTable);
}

/** Whether a word of the call has this value. */
export function wordIs(space: CallSpace, word: number, value: number): Node {
  const { diagrams } = space;
  let is: Node = TRUE;
  for (let place = 0; place < WORD_BITS; place += 1) {
    const bit = bitOf(space, word, place);
    is = diagrams.and((value >>> place) & 1 ? bit : diagrams.not(bit), is);
  }
  return is;
}

function bitOf({ diagrams, order }: CallSpace, word: number, place: number): Node {
  return diagrams.decide(order[WORD_BITS * word + place] as number, FALSE, TRUE);
}
