import { type DecisionGraph, type NodeId, tooLong } from "./decision_graph.js";
import {
  firstMasked,
  nextSlot,
  pieceBounds,
  type RuleState,
  settledAnswer,
  withMask,
  withValue,
  withWord,
} from "./rule_state.js";
import { addSearch } from "./search_tree.js";
import { decide, type MaskedTerm, type Slot, WORD_MAX } from "./word_term.js";

/** A call that was measured, as far as argument checks can see it. */
export interface ArgumentSample {
  /** Both halves of each argument, by slot. */
  readonly words: readonly number[];
  readonly weight: number;
}

/** args[0] of struct seccomp_data; the low half of each argument comes first, as x86-64 is little-endian. */
const ARGUMENTS_OFFSET = 16;

/** Rules looked at while all states of a filter are worked out; shipped policies take some 500, and more than this some seconds. */
const RULE_LOOKS_MAX = 100_000;

/** Where a word lies in struct seccomp_data. */
export function offsetOfSlot(slot: Slot): number {
  const high = slot % 2 === 0;
  return ARGUMENTS_OFFSET + 8 * Math.floor(slot / 2) + (high ? 4 : 0);
}

/** Builds the steps that decide one syscall by its arguments. The samples say which values are worth few steps. */
export class ArgumentDecision {
  readonly #graph: DecisionGraph;
  readonly #known = new Map<string, NodeId>();
  #ruleLooks = 0;

  constructor(graph: DecisionGraph) {
    this.#graph = graph;
  }

  add(state: RuleState, samples: readonly ArgumentSample[]): NodeId {
    return this.#add(state, samples, null);
  }

  /** `loaded` is the slot whose word is in A, null when none is. */
  #add(state: RuleState, samples: readonly ArgumentSample[], loaded: Slot | null): NodeId {
    const answer = settledAnswer(state);
    if (answer !== undefined) return this.#graph.answer(answer);
    const slot = nextSlot(state);
    const key = `${loaded === slot ? slot : ""}/${state.otherwise}/${state.key}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#ruleLooks += state.open.length;
    if (this.#ruleLooks > RULE_LOOKS_MAX) throw tooLong("too many combinations of its checks to work out");
    const decided = this.#decideWord(state, slot, samples);
    const node = loaded === slot ? decided : this.#graph.load(offsetOfSlot(slot), decided);
    this.#known.set(key, node);
    return node;
  }

  /** Ranges before masks: testing a range leaves the word in A, testing several bits for a value does not. */
  #decideWord(state: RuleState, slot: Slot, samples: readonly ArgumentSample[]): NodeId {
    const bounds = pieceBounds(state, slot);
    if (bounds.length > 1) {
      const intervals = bounds.map((from, index) => {
        const end = bounds[index + 1] ?? WORD_MAX + 1;
        const inside = samples.filter(({ words }) => isWithin(words[slot] ?? 0, from, end));
        const next = this.#add(stateWithin(state, slot, { from, end }), inside, slot);
        return { from, next, weight: inside.reduce((sum, sample) => sum + sample.weight, 0) };
      });
      return addSearch(this.#graph, intervals);
    }
    const masked = firstMasked(state, slot);
    if (masked === undefined) throw new RangeError(`no rule asks about slot ${slot}`);
    return this.#decideMask(state, masked, samples);
  }

  /** One bit, or none of several, is one test that leaves the word in A; a value under a mask costs A. */
  #decideMask(state: RuleState, term: MaskedTerm, samples: readonly ArgumentSample[]): NodeId {
    const { slot, mask, value } = term;
    const singleBit = (mask & (mask - 1)) === 0;
    const keepsWord = value === 0 || singleBit;
    const [met, unmet] = [true, false].map((holds) => {
      const inside = samples.filter(({ words }) => (((words[slot] ?? 0) & mask) >>> 0 === value) === holds);
      return this.#add(withMask(state, term, holds), inside, keepsWord ? slot : null);
    }) as [NodeId, NodeId];
    if (value === 0) return this.#graph.test("any-bit", mask, { met: unmet, unmet: met });
    if (singleBit) return this.#graph.test("any-bit", mask, { met, unmet });
    if (met === unmet) return met;
    return this.#graph.and(mask, this.#graph.test("equal", value, { met, unmet }));
  }
}

function isWithin(word: number, from: number, end: number): boolean {
  return from <= word && word < end;
}

/** A single value decides masks as well; a longer piece decides the terms that have pieces, and leaves the masks. */
function stateWithin(state: RuleState, slot: Slot, piece: { readonly from: number; readonly end: number }): RuleState {
  if (piece.end === piece.from + 1) return withValue(state, slot, piece.from);
  return withWord(state, slot, (term) => (term.kind === "pieces" ? decide(term, piece.from) : term));
}
