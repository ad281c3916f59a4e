import { findProgramFault } from "../bpf_check.js";
import type { BpfProgram } from "../bpf_program.js";
import { syscallName } from "../syscall_numbers.js";
import { findAnswered, findChanged, findWeaker } from "./answer.js";
import { ARCH_X86_64, type Call, findCall } from "./call.js";
import { wordIs } from "./call_sets.js";
import { CallSpace, type FilterSource, programsOf } from "./call_space.js";
import { WORD, WORD_BITS } from "./call_words.js";
import { type AnswerPair, answerTo, type Direction, differenceAt } from "./counterexample.js";
import { type Budget, BudgetExceeded, FALSE, type Node, TRUE } from "./diagram.js";
import { describeRegion } from "./region_text.js";
import type { RuleSet } from "./rule_diagram.js";

/** Calls of one kind that two filters answer differently, all in the same way. */
export interface CallChange {
  /** A syscall's name, or `numbers without a syscall`, `x32 calls`, `calls of other arches`. */
  readonly calls: string;
  /** As `allow`, `errno 38`. */
  readonly a: string;
  readonly b: string;
  /** How `b` differs from `a`. */
  readonly direction: Direction;
  /** For which arguments; empty: for all. Each entry is one alternative, as `arg1 == 0x5421`. */
  readonly when: readonly string[];
  /** Whether `when` leaves alternatives out. */
  readonly whenShortened: boolean;
  readonly example: Call;
}

/**
 * `a-within-b`: b is nowhere stricter than a, and somewhere weaker. `different`: neither is within the other, or they differ
 * only in data such as error numbers. Null: not decided, for the reason given.
 */
export type CompareResult =
  | { readonly relation: "equal" | "a-within-b" | "b-within-a" | "different"; readonly changes: readonly CallChange[] }
  | { readonly relation: null; readonly undecided: string };

/** Most different pairs of answers that one kind of calls is told apart by; filters with computed error numbers have thousands. */
const CHANGES_MAX = 16;

/** Compares for all calls; each source may be rules, a program or a stack. Throws SeccompInputError "rules-conflict". */
export function compareSources(a: FilterSource, b: FilterSource, budget?: Budget): CompareResult {
  for (const program of [...programsOf(a), ...programsOf(b)]) {
    const fault = findProgramFault(program.instructions);
    if (fault !== null) return { relation: null, undecided: `the kernel would refuse a program: ${fault}` };
  }
  try {
    const space = new CallSpace([a, b], budget);
    return describe(space, { a: space.answer(a), b: space.answer(b) });
  } catch (error) {
    if (error instanceof BudgetExceeded) return { relation: null, undecided: error.message };
    throw error;
  }
}

export function comparePolicies(a: RuleSet, b: RuleSet): CompareResult {
  return compareSources({ kind: "rules", rules: a }, { kind: "rules", rules: b });
}

export function comparePrograms(a: BpfProgram, b: BpfProgram): CompareResult {
  return compareSources({ kind: "program", program: a }, { kind: "program", program: b });
}

function describe(space: CallSpace, { a, b }: AnswerPair): CompareResult {
  const { diagrams } = space;
  const changed = findChanged(diagrams, a, b);
  if (changed === FALSE) return { relation: "equal", changes: [] };
  const weaker = findWeaker(diagrams, a, b) !== FALSE;
  const stricter = findWeaker(diagrams, b, a) !== FALSE;
  const changes = [...kindsOfCalls(space)].flatMap(([calls, kind]) => {
    return changesWithin(space, { a, b }, { calls, region: diagrams.and(kind, changed) });
  });
  if (weaker === stricter) return { relation: "different", changes };
  return { relation: weaker ? "a-within-b" : "b-within-a", changes };
}

/** Above the last number of x86-64's table, which grows by a few each year. */
const NUMBERS = 1024;
/** Bit 30 of the number: __X32_SYSCALL_BIT of arch/x86/include/uapi/asm/unistd.h. */
const X32_PLACE = 30;

/** Every call is of one kind: each known syscall, and three for the rest. */
function* kindsOfCalls(space: CallSpace): Generator<readonly [calls: string, kind: Node]> {
  const { diagrams } = space;
  const native = wordIs(space, WORD.arch, ARCH_X86_64);
  let rest = native;
  for (let number = 0; number < NUMBERS; number += 1) {
    const name = syscallName(number);
    if (name === undefined) continue;
    const kind = diagrams.and(native, wordIs(space, WORD.number, number));
    rest = diagrams.without(rest, kind);
    yield [name, kind];
  }
  const x32 = diagrams.decide(space.order[WORD_BITS * WORD.number + X32_PLACE] as number, FALSE, TRUE);
  yield ["numbers without a syscall", diagrams.without(rest, x32)];
  yield ["x32 calls", diagrams.and(rest, x32)];
  yield ["calls of other arches", diagrams.not(native)];
}

/** One change for each two answers that calls of the region get; those that weaken first. */
function changesWithin(space: CallSpace, pair: AnswerPair, { calls, region }: { calls: string; region: Node }): CallChange[] {
  const { diagrams, order } = space;
  const changes: CallChange[] = [];
  for (let rest = region; rest !== FALSE; ) {
    const example = findCall(diagrams, order, rest);
    const last = changes.length === CHANGES_MAX;
    const alike = last ? rest : callsAnsweredLike(space, pair, { example, region: rest });
    const { a, b, direction } = differenceAt(space, pair, example);
    const { alternatives, shortened } = describeRegion(space, alike);
    changes.push({ calls, a, b, direction, when: alternatives, whenShortened: shortened || last, example });
    rest = diagrams.without(rest, alike);
  }
  const rank: readonly Direction[] = ["weaker", "stricter", "other"];
  return changes.sort((one, other) => rank.indexOf(one.direction) - rank.indexOf(other.direction));
}

function callsAnsweredLike(space: CallSpace, pair: AnswerPair, { example, region }: { example: Call; region: Node }): Node {
  return [pair.a, pair.b].reduce(
    (alike, answer) => space.diagrams.and(alike, findAnswered(space.diagrams, answer, answerTo(space, answer, example))),
    region,
  );
}
