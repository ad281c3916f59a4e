import type { DecisionGraph, NodeId } from "./decision_graph.js";

/** Values of A that go on to one node, from `from` to before the next interval. */
export interface Interval {
  readonly from: number;
  readonly next: NodeId;
  /** How often A lies in it, in any unit. */
  readonly weight: number;
}

/** A way to tell the intervals of a range apart: nothing to do, one value picked out, or the range cut in two. */
type Plan =
  | { readonly kind: "done"; readonly next: NodeId }
  | { readonly kind: "equal"; readonly interval: number; readonly rest: Choice }
  | { readonly kind: "cut"; readonly at: number; readonly below: Choice; readonly above: Choice };

interface Choice {
  /** Sum over the intervals of weight times tests executed. */
  readonly cost: number;
  readonly plan: Plan;
}

/** Intervals first to last, without the `picked` heaviest single values among them, which were tested for already. */
interface Range {
  readonly first: number;
  readonly last: number;
  readonly picked: number;
}

/** Ranges up to this length are cut at every place that could be best; longer ones near the middle of their weight. */
const EVERY_CUT_LENGTH_MAX = 6;
/** Cuts tried on each side of the middle of the weight, in ranges up to this length; in longer ones they gain next to nothing. */
const CUTS_BESIDE_MIDDLE = 1;
const SEVERAL_CUTS_LENGTH_MAX = 16;
/**
 * A search tree with both kinds of tests has an optimum that starts with `==` only when the heaviest value has at least a quarter
 * of the weight: Anderson, Kannan, Karloff, Ladner, "Thresholds and optimal binary comparison search trees", 2002.
 */
const EQUAL_SHARE_MIN = 0.25;
/** Weight of what was never measured, as a share of the whole: it orders nothing and still keeps unmeasured values shallow. */
const FLOOR_SHARE = 1e-4;

/**
 * Finds a nearly cheapest tree of == and >= tests that sends every value of A to its interval's node, and adds it to the graph.
 * The intervals are in order, the first one from 0; neighbours may go to the same node.
 */
export function addSearch(graph: DecisionGraph, intervals: readonly Interval[]): NodeId {
  return new SearchTree(graph, intervals).build();
}

/** What is left to tell apart in a range, seen in one pass. */
interface Rest {
  readonly intervals: readonly number[];
  readonly weight: number;
  /** Places where the nodes on both sides differ: only there does a cut tell anything apart. */
  readonly places: readonly number[];
  /** Index in `places` of the last one with at most half of the weight below it. */
  readonly middle: number;
}

class SearchTree {
  readonly #graph: DecisionGraph;
  readonly #intervals: readonly Interval[];
  readonly #nexts: readonly NodeId[];
  readonly #weights: readonly number[];
  readonly #known = new Map<number, Choice>();
  /** All intervals of one value, heaviest first; ties by place, so that a range and its parts agree. */
  readonly #singles: readonly number[];

  constructor(graph: DecisionGraph, intervals: readonly Interval[]) {
    this.#graph = graph;
    this.#intervals = mergeNeighbours(intervals);
    const total = this.#intervals.reduce((sum, { weight }) => sum + weight, 0);
    const floor = Math.max(total, 1) * (FLOOR_SHARE / this.#intervals.length);
    const weights = this.#intervals.map(({ weight }) => weight + floor);
    this.#weights = weights;
    this.#nexts = this.#intervals.map(({ next }) => next);
    const single = [...this.#intervals.keys()].filter((index) => this.#isSingle(index));
    this.#singles = single.sort((a, b) => (weights[b] as number) - (weights[a] as number) || a - b);
  }

  build(): NodeId {
    return this.#emit(this.#best({ first: 0, last: this.#intervals.length - 1, picked: 0 }));
  }

  #emit({ plan }: Choice): NodeId {
    switch (plan.kind) {
      case "done":
        return plan.next;
      case "equal": {
        const { from, next } = this.#at(plan.interval);
        return this.#graph.test("equal", from, { met: next, unmet: this.#emit(plan.rest) });
      }
      case "cut":
        return this.#graph.test("at-least", this.#at(plan.at).from, {
          met: this.#emit(plan.above),
          unmet: this.#emit(plan.below),
        });
    }
  }

  #best(range: Range): Choice {
    const key = (range.first * RANGE_KEY + range.last) * RANGE_KEY + range.picked;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const choice = this.#search(range);
    this.#known.set(key, choice);
    return choice;
  }

  #search(range: Range): Choice {
    const heavy = this.#heaviest(range, range.picked + 1);
    const picked = heavy.slice(0, range.picked);
    const rest = this.#restOf(range, picked);
    if (rest.places.length === 0) {
      // Values that were picked out never come here, so where only they differ nothing is left to tell apart.
      return { cost: 0, plan: { kind: "done", next: this.#next(rest.intervals[0] ?? range.first) } };
    }
    const odd = this.#onlyOddValue(rest.intervals);
    if (odd !== undefined) {
      const others: Choice = { cost: 0, plan: { kind: "done", next: odd.others } };
      return { cost: rest.weight, plan: { kind: "equal", interval: odd.interval, rest: others } };
    }
    const choices = this.#cuts(range, picked, rest);
    const heaviest = heavy[range.picked];
    if (heaviest !== undefined && this.#mayStartWith(heaviest, rest)) {
      const others = this.#best({ ...range, picked: range.picked + 1 });
      choices.push({ cost: rest.weight + others.cost, plan: { kind: "equal", interval: heaviest, rest: others } });
    }
    return choices.reduce((best, choice) => (choice.cost < best.cost ? choice : best));
  }

  /** Whether a test for this value may come first in the cheapest tree. */
  #mayStartWith(value: number, { intervals, weight }: Rest): boolean {
    return intervals.length <= EVERY_CUT_LENGTH_MAX || this.#weight(value) >= EQUAL_SHARE_MIN * weight;
  }

  /** The heaviest intervals of one value in a range, at most `count`. */
  #heaviest({ first, last }: Range, count: number): number[] {
    const found: number[] = [];
    for (const index of this.#singles) {
      if (index >= first && index <= last && found.push(index) === count) break;
    }
    return found;
  }

  #restOf({ first, last }: Range, picked: readonly number[]): Rest {
    const intervals: number[] = [];
    const places: number[] = [];
    const below: number[] = [];
    let weight = 0;
    for (let index = first; index <= last; index += 1) {
      if (picked.includes(index)) continue;
      const before = intervals.at(-1);
      if (before !== undefined && this.#next(before) !== this.#next(index)) {
        places.push(index);
        below.push(weight);
      }
      intervals.push(index);
      weight += this.#weight(index);
    }
    const middle = below.findLastIndex((sum) => sum <= weight / 2);
    return { intervals, weight, places, middle: Math.max(0, middle) };
  }

  /** The single value that alone goes elsewhere than all the others: one test tells it apart, and nothing does with less. */
  #onlyOddValue(left: readonly number[]): { readonly interval: number; readonly others: NodeId } | undefined {
    const first = left[0] as number;
    const a = this.#next(first);
    let b: NodeId | undefined;
    let firstOfB = first;
    let countOfB = 0;
    for (const index of left) {
      const next = this.#next(index);
      if (next === a) continue;
      if (b === undefined) [b, firstOfB] = [next, index];
      else if (next !== b) return undefined;
      countOfB += 1;
    }
    if (b === undefined) return undefined;
    if (left.length - countOfB === 1 && this.#isSingle(first)) return { interval: first, others: b };
    return countOfB === 1 && this.#isSingle(firstOfB) ? { interval: firstOfB, others: a } : undefined;
  }

  /** Ways to cut a range in two, each with what is cheapest on either side. */
  #cuts(range: Range, picked: readonly number[], rest: Rest): Choice[] {
    return placesToCut(rest).map((at) => {
      const pickedBelow = picked.filter((index) => index < at).length;
      const below = this.#best({ first: range.first, last: at - 1, picked: pickedBelow });
      const above = this.#best({ first: at, last: range.last, picked: range.picked - pickedBelow });
      return { cost: rest.weight + below.cost + above.cost, plan: { kind: "cut", at, below, above } };
    });
  }

  #isSingle(index: number): boolean {
    return (this.#intervals[index + 1]?.from ?? END_OF_VALUES) === this.#at(index).from + 1;
  }

  #at(index: number): Interval {
    const interval = this.#intervals[index];
    if (interval === undefined) throw new RangeError(`no interval ${index}`);
    return interval;
  }

  #next(index: number): NodeId {
    return this.#nexts[index] as NodeId;
  }

  #weight(index: number): number {
    return this.#weights[index] as number;
  }
}

/** In short ranges all places, in longer ones those about the middle of the weight. */
function placesToCut({ places, middle }: Rest): readonly number[] {
  if (places.length <= EVERY_CUT_LENGTH_MAX) return places;
  const beside = places.length <= SEVERAL_CUTS_LENGTH_MAX ? CUTS_BESIDE_MIDDLE : 0;
  return places.slice(Math.max(0, middle - beside), middle + beside + 1);
}

/** More than any number of intervals: bounds of ranges, written as one number, stay apart. */
const RANGE_KEY = 2 ** 17;

/** One more than the largest 32-bit value. */
const END_OF_VALUES = 2 ** 32;

function mergeNeighbours(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const interval of intervals) {
    const last = merged.at(-1);
    if (last?.next === interval.next) merged[merged.length - 1] = { ...last, weight: last.weight + interval.weight };
    else merged.push(interval);
  }
  return merged;
}
