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
const SEVERAL_CUTS_LENGTH_MAX = 40;
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

class SearchTree {
  readonly #graph: DecisionGraph;
  readonly #intervals: readonly Interval[];
  readonly #weights: readonly number[];
  readonly #known = new Map<number, Choice>();
  /** By range: its intervals of one value, heaviest first. */
  readonly #singles = new Map<number, readonly number[]>();

  constructor(graph: DecisionGraph, intervals: readonly Interval[]) {
    this.#graph = graph;
    this.#intervals = mergeNeighbours(intervals);
    const total = this.#intervals.reduce((sum, { weight }) => sum + weight, 0);
    const floor = Math.max(total, 1) * (FLOOR_SHARE / this.#intervals.length);
    this.#weights = this.#intervals.map(({ weight }) => weight + floor);
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
    const byWeight = this.#singleValues(range);
    const picked = new Set(byWeight.slice(0, range.picked));
    const left = indicesWithout(range, picked);
    // Values that were picked out never come here, so where only they differ nothing is left to tell apart.
    const next = this.#at(left[0] ?? range.first).next;
    if (left.every((index) => this.#at(index).next === next)) return { cost: 0, plan: { kind: "done", next } };
    const weight = left.reduce((sum, index) => sum + this.#weight(index), 0);
    const odd = this.#onlyOddValue(left);
    if (odd !== undefined) {
      const rest: Choice = { cost: 0, plan: { kind: "done", next: odd.others } };
      return { cost: weight, plan: { kind: "equal", interval: odd.interval, rest } };
    }
    const choices = this.#cuts(range, { left, picked, weight });
    const heaviest = byWeight[range.picked];
    if (heaviest !== undefined && (left.length <= EVERY_CUT_LENGTH_MAX || this.#weight(heaviest) >= EQUAL_SHARE_MIN * weight)) {
      const rest = this.#best({ ...range, picked: range.picked + 1 });
      choices.push({ cost: weight + rest.cost, plan: { kind: "equal", interval: heaviest, rest } });
    }
    return choices.reduce((best, choice) => (choice.cost < best.cost ? choice : best));
  }

  /** The single value that alone goes elsewhere than all the others: one test tells it apart, and nothing does with less. */
  #onlyOddValue(left: readonly number[]): { readonly interval: number; readonly others: NodeId } | undefined {
    const counts = new Map<NodeId, number>();
    for (const index of left) counts.set(this.#at(index).next, (counts.get(this.#at(index).next) ?? 0) + 1);
    if (counts.size !== 2) return undefined;
    for (const interval of left) {
      if (!this.#isSingle(interval) || counts.get(this.#at(interval).next) !== 1) continue;
      const others = [...counts.keys()].find((next) => next !== this.#at(interval).next);
      if (others !== undefined) return { interval, others };
    }
    return undefined;
  }

  /** Ways to cut a range in two, each with what is cheapest on either side. */
  #cuts(range: Range, state: { left: readonly number[]; picked: ReadonlySet<number>; weight: number }): Choice[] {
    return this.#placesToCut(state).map((at) => {
      const pickedBelow = [...state.picked].filter((index) => index < at).length;
      const below = this.#best({ first: range.first, last: at - 1, picked: pickedBelow });
      const above = this.#best({ first: at, last: range.last, picked: range.picked - pickedBelow });
      return { cost: state.weight + below.cost + above.cost, plan: { kind: "cut", at, below, above } };
    });
  }

  /** Only where the nodes on both sides differ does a cut tell anything apart. */
  #placesToCut({ left, weight }: { readonly left: readonly number[]; readonly weight: number }): number[] {
    const places: number[] = [];
    let middle = 0;
    let sum = 0;
    left.forEach((index, position) => {
      const before = left[position - 1];
      if (before !== undefined && this.#at(before).next !== this.#at(index).next) {
        places.push(index);
        if (sum <= weight / 2) middle = places.length - 1;
      }
      sum += this.#weight(index);
    });
    if (places.length <= EVERY_CUT_LENGTH_MAX) return places;
    const beside = places.length <= SEVERAL_CUTS_LENGTH_MAX ? CUTS_BESIDE_MIDDLE : 0;
    return places.slice(Math.max(0, middle - beside), middle + beside + 1);
  }

  /** Intervals of one value, heaviest first; ties by place, so that a range and its parts agree. */
  #singleValues(range: Range): readonly number[] {
    const key = range.first * RANGE_KEY + range.last;
    const known = this.#singles.get(key);
    if (known !== undefined) return known;
    const single = indicesWithout(range, new Set()).filter((index) => this.#isSingle(index));
    single.sort((a, b) => this.#weight(b) - this.#weight(a) || a - b);
    this.#singles.set(key, single);
    return single;
  }

  #isSingle(index: number): boolean {
    return (this.#intervals[index + 1]?.from ?? END_OF_VALUES) === this.#at(index).from + 1;
  }

  #at(index: number): Interval {
    const interval = this.#intervals[index];
    if (interval === undefined) throw new RangeError(`no interval ${index}`);
    return interval;
  }

  #weight(index: number): number {
    return this.#weights[index] ?? 0;
  }
}

/** More than any number of intervals: bounds of ranges, written as one number, stay apart. */
const RANGE_KEY = 2 ** 17;

/** One more than the largest 32-bit value. */
const END_OF_VALUES = 2 ** 32;

function indicesWithout({ first, last }: Range, picked: ReadonlySet<number>): number[] {
  const indices: number[] = [];
  for (let index = first; index <= last; index += 1) if (!picked.has(index)) indices.push(index);
  return indices;
}

function mergeNeighbours(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const interval of intervals) {
    const last = merged.at(-1);
    if (last?.next === interval.next) merged[merged.length - 1] = { ...last, weight: last.weight + interval.weight };
    else merged.push(interval);
  }
  return merged;
}
