import { encodeAction } from "../action.js";
import type { SyscallRule } from "../rule.js";
import { decide, type MaskedTerm, type Rest, type Slot, type Term, termOf } from "./word_term.js";

/** A rule as far as it is still undecided: it answers when all its terms hold. */
export interface OpenRule {
  readonly answer: number;
  /** By slot, ascending. */
  readonly terms: readonly Term[];
}

/**
 * What one syscall's rules amount to after some words are known: the first rule whose terms hold answers, and `otherwise` when
 * none does. States of equal `key` decide alike.
 */
export interface RuleState {
  readonly open: readonly OpenRule[];
  readonly otherwise: number;
  readonly key: string;
}

/** The state before anything but the syscall is known. */
export function initialState(rules: readonly SyscallRule[], otherwise: number): RuleState {
  const open = rules.flatMap((rule) => {
    const rests = rule.checks.map(termOf);
    return narrow({ answer: encodeAction(rule.action), terms: [] }, rests);
  });
  return state(open, otherwise);
}

/** The answer, once no word matters any more. */
export function settledAnswer({ open, otherwise }: RuleState): number | undefined {
  const [first] = open;
  if (first === undefined) return otherwise;
  return first.terms.length === 0 ? first.answer : undefined;
}

/** The next word to look at: the first that any rule asks about. */
export function nextSlot({ open }: RuleState): Slot {
  return Math.min(...open.flatMap(({ terms }) => terms.map(({ slot }) => slot)));
}

/** The state for a value of a word, where all values from the same piece of every term go together. */
export function withWord(before: RuleState, slot: Slot, choose: (term: Term) => Rest): RuleState {
  const open = before.open.flatMap((rule) => {
    const others = rule.terms.filter((term) => term.slot !== slot);
    const rests = rule.terms.filter((term) => term.slot === slot).map(choose);
    return narrow({ answer: rule.answer, terms: others }, rests);
  });
  return state(open, before.otherwise);
}

/** Bounds of the pieces that the word's values fall into, for terms that are not masked; 0 is the first. */
export function pieceBounds({ open }: RuleState, slot: Slot): number[] {
  const bounds = new Set<number>([0]);
  for (const { terms } of open) {
    for (const term of terms) {
      if (term.slot === slot && term.kind === "pieces") for (const { from } of term.pieces) bounds.add(from);
    }
  }
  return [...bounds].sort((a, b) => a - b);
}

/** The first masked term about this word. */
export function firstMasked({ open }: RuleState, slot: Slot): MaskedTerm | undefined {
  for (const { terms } of open) for (const term of terms) if (term.slot === slot && term.kind === "masked") return term;
  return undefined;
}

/** The state after a mask was tested; other terms on the same mask are decided with it. */
export function withMask(before: RuleState, tested: MaskedTerm, met: boolean): RuleState {
  return withWord(before, tested.slot, (term) => {
    if (term.kind !== "masked" || term.mask !== tested.mask) return term;
    if (term.value === tested.value) return met ? term.met : term.unmet;
    if (met) return term.unmet;
    // One bit has two values: when it is not the tested one, it is the other.
    return (term.mask & (term.mask - 1)) === 0 ? term.met : term;
  });
}

/** The state for one value of a word: every term about it is decided. */
export function withValue(before: RuleState, slot: Slot, word: number): RuleState {
  return withWord(before, slot, (term) => decide(term, word));
}

/** No rule when one of the rests fails; those that hold are dropped. */
function narrow(rule: OpenRule, rests: readonly Rest[]): OpenRule[] {
  if (rests.includes(false)) return [];
  const terms = [...rule.terms, ...rests.filter((rest) => typeof rest !== "boolean")];
  const distinct = new Map(terms.map((term) => [term.key, term]));
  return [{ answer: rule.answer, terms: [...distinct.values()].sort((a, b) => a.slot - b.slot || (a.key < b.key ? -1 : 1)) }];
}

/** Rules behind one that holds answer nothing, and neither do the last ones when they answer as `otherwise` does. */
function state(rules: readonly OpenRule[], otherwise: number): RuleState {
  const open: OpenRule[] = [];
  const seen = new Set<string>();
  for (const rule of rules) {
    const key = keyOf(rule);
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(rule);
    if (rule.terms.length === 0) break;
  }
  while (open.at(-1)?.answer === otherwise) open.pop();
  return { open, otherwise, key: open.map(keyOf).join("|") };
}

function keyOf({ answer, terms }: OpenRule): string {
  return `${answer}{${terms.map(({ key }) => key).join(";")}}`;
}
