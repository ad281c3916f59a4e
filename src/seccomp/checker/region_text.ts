import type { CallSpace } from "./call_space.js";
import { argumentWords, WORD, WORD_BITS } from "./call_words.js";
import { FALSE, type Node, TRUE } from "./diagram.js";

/** Alternatives that a reviewer is shown; the rest are said to exist. */
const ALTERNATIVES_MAX = 12;
/** Paths read before they are put together: neighbouring ones become ranges. */
const PATHS_MAX = 400;
const ALL_BITS = (1n << 64n) - 1n;
const LOW_BITS = (1n << 32n) - 1n;

/** Values of one 64-bit place of a call: those with `(value & mask) == bits`, or all from `first` to `last`. */
type Values = { readonly mask: bigint; readonly bits: bigint } | { readonly first: bigint; readonly last: bigint };

/** A set of calls: one condition per place, all of them. Places that do not matter are missing. */
type Alternative = ReadonlyMap<string, Values>;

const PLACES: readonly (readonly [name: string, low: number, high: number])[] = [
  ...Array.from({ length: 6 }, (_, index) => {
    const { low, high } = argumentWords(index);
    return [`arg${index}`, low, high] as const;
  }),
  ["instruction pointer", WORD.pointerLow, WORD.pointerHigh],
];

/** The arguments of a set of calls in words. Number and arch are left out: the caller has named them. */
export function describeRegion(space: CallSpace, region: Node): { alternatives: string[]; shortened: boolean } {
  const paths = readPaths(space, region);
  const merged = mergeNeighbours(paths.slice(0, PATHS_MAX));
  const texts = [...new Set(merged.map(wordAlternative))];
  if (texts.includes("")) return { alternatives: [], shortened: false };
  return {
    alternatives: texts.slice(0, ALTERNATIVES_MAX),
    shortened: paths.length > PATHS_MAX || texts.length > ALTERNATIVES_MAX,
  };
}

/** Each way to TRUE, as the bits that it fixes; one more than is shown, so that the caller sees that there are more. */
function readPaths({ diagrams, order }: CallSpace, region: Node): Alternative[] {
  const wordAt = new Map([...order].map((level, position) => [level, position] as const));
  const paths: Alternative[] = [];
  const fixed = new Map<number, boolean>();
  const visit = (node: Node): void => {
    if (node === FALSE || paths.length > PATHS_MAX) return;
    if (node === TRUE) {
      paths.push(alternativeOf(fixed));
      return;
    }
    const position = wordAt.get(diagrams.level(node)) as number;
    for (const one of [false, true]) {
      fixed.set(position, one);
      visit(one ? diagrams.high(node) : diagrams.low(node));
    }
    fixed.delete(position);
  };
  visit(region);
  return paths;
}

function alternativeOf(fixed: ReadonlyMap<number, boolean>): Alternative {
  const values = new Map<string, Values>();
  for (const [name, low, high] of PLACES) {
    let [mask, bits] = [0n, 0n];
    for (let place = 0; place < 2 * WORD_BITS; place += 1) {
      const position = place < WORD_BITS ? WORD_BITS * low + place : WORD_BITS * high + place - WORD_BITS;
      const one = fixed.get(position);
      if (one === undefined) continue;
      mask |= 1n << BigInt(place);
      if (one) bits |= 1n << BigInt(place);
    }
    if (mask !== 0n) values.set(name, asRange(mask, bits));
  }
  return values;
}

/** When only the lowest bits are free the values stand side by side. */
function asRange(mask: bigint, bits: bigint): Values {
  const free = ALL_BITS & ~mask;
  return (free & (free + 1n)) === 0n ? { first: bits, last: bits | free } : { mask, bits };
}

/** Alternatives that differ in one range only, and touch there, are one. Paths come in growing order, so neighbours are near. */
function mergeNeighbours(alternatives: readonly Alternative[]): Alternative[] {
  const merged: Alternative[] = [];
  for (const alternative of alternatives) {
    const index = merged.findLastIndex((candidate) => joined(candidate, alternative) !== null);
    if (index < 0) merged.push(alternative);
    else merged[index] = joined(merged[index] as Alternative, alternative) as Alternative;
  }
  return merged.length < alternatives.length ? mergeNeighbours(merged) : merged;
}

function joined(a: Alternative, b: Alternative): Alternative | null {
  if (a.size !== b.size) return null;
  let change: [string, Values] | null = null;
  for (const [name, values] of a) {
    const other = b.get(name);
    if (other === undefined) return null;
    if (wordValues(name, values) === wordValues(name, other)) continue;
    if (change !== null || !("first" in values) || !("first" in other) || values.last + 1n !== other.first) return null;
    change = [name, { first: values.first, last: other.last }];
  }
  return change === null ? a : new Map([...a, change]);
}

function wordAlternative(alternative: Alternative): string {
  return [...alternative]
    .map(([name, values]) => wordValues(name, values))
    .filter((text) => text !== "")
    .join(" and ");
}

function wordValues(name: string, values: Values): string {
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  if ("mask" in values) {
    if (values.mask === LOW_BITS) return `low half of ${name} == ${hex(values.bits)}`;
    return `(${name} & ${hex(values.mask)}) == ${hex(values.bits)}`;
  }
  const { first, last } = values;
  if (first === last) return `${name} == ${hex(first)}`;
  if (first === 0n && last === ALL_BITS) return "";
  if (first === 0n) return `${name} <= ${hex(last)}`;
  return last === ALL_BITS ? `${name} >= ${hex(first)}` : `${name} in ${hex(first)}..${hex(last)}`;
}
