import type { ArgumentCheck } from "../rule.js";

/** Largest 32-bit word. */
export const WORD_MAX = 0xffffffff;
const WORD_BITS = 32n;
const LOW_WORD = 0xffffffffn;

/**
 * Words of the six arguments in the order in which a filter looks at them: 2 * index for the high half, 2 * index + 1 for the
 * low one. The high half comes first, because it decides 64-bit comparisons alone wherever it differs from the bound's.
 */
export type Slot = number;

/** What is left of a condition once a word is known: decided, or a question about a later word. */
export type Rest = boolean | Term;

/** A condition as a decision on one word. `key` tells equal terms. */
export type Term = PiecewiseTerm | MaskedTerm;

/** Each piece of the word's values has its own rest. Pieces are in order, without gaps, and cover all values. */
export interface PiecewiseTerm {
  readonly kind: "pieces";
  readonly slot: Slot;
  readonly pieces: readonly Piece[];
  readonly key: string;
}

export interface Piece {
  /** First value; the piece ends before the next one's. */
  readonly from: number;
  readonly rest: Rest;
}

/** (word & mask) == value, where that is no range of values. */
export interface MaskedTerm {
  readonly kind: "masked";
  readonly slot: Slot;
  readonly mask: number;
  readonly value: number;
  readonly met: Rest;
  readonly unmet: Rest;
  readonly key: string;
}

/** Inclusive ends, ascending and disjoint. */
type Ranges = readonly (readonly [first: bigint, last: bigint])[];

/** A check as a decision on the first word it needs. 32-bit checks never look at the high half. */
export function termOf(check: ArgumentCheck): Rest {
  const slot = 2 * check.index + (check.width === 32 ? 1 : 0);
  const last = (1n << BigInt(check.width)) - 1n;
  if ("mask" in check) {
    const masked = { mask: check.mask & last, value: check.value & last, negated: check.op === "masked-not-equal" };
    return maskedTerm(slot, masked);
  }
  return check.width === 32 ? lowRanges(slot, rangesOf(check, last)) : wideRanges(slot, rangesOf(check, last));
}

/** What a term leaves when its word has this value. */
export function decide(term: Term, word: number): Rest {
  if (term.kind === "masked") return (word & term.mask) >>> 0 === term.value ? term.met : term.unmet;
  return pieceAt(term.pieces, word).rest;
}

/** The last piece that begins at or before the word. */
function pieceAt(pieces: readonly Piece[], word: number): Piece {
  let [first, last] = [0, pieces.length - 1];
  while (first < last) {
    const middle = Math.ceil((first + last) / 2);
    if ((pieces[middle] as Piece).from <= word) first = middle;
    else last = middle - 1;
  }
  return pieces[first] as Piece;
}

function rangesOf(check: Exclude<ArgumentCheck, { readonly mask: bigint }>, last: bigint): Ranges {
  switch (check.op) {
    case "==":
      return points([check.value], last);
    case "!=":
      return complement(points([check.value], last), last);
    case "in":
      return points(check.values, last);
    case "not-in":
      return complement(points(check.values, last), last);
    case "<":
      return nonEmpty(0n, (check.value & last) - 1n);
    case "<=":
      return nonEmpty(0n, check.value & last);
    case ">":
      return nonEmpty((check.value & last) + 1n, last);
    case ">=":
      return nonEmpty(check.value & last, last);
  }
}

function nonEmpty(first: bigint, last: bigint): Ranges {
  return first > last ? [] : [[first, last]];
}

function points(values: readonly bigint[], last: bigint): Ranges {
  const distinct = [...new Set(values.map((value) => value & last))].sort((a, b) => (a < b ? -1 : 1));
  return distinct.map((value) => [value, value]);
}

function complement(ranges: Ranges, last: bigint): Ranges {
  const gaps: (readonly [bigint, bigint])[] = [];
  let next = 0n;
  for (const [from, to] of ranges) {
    if (from > next) gaps.push([next, from - 1n]);
    next = to + 1n;
  }
  return next > last ? gaps : [...gaps, [next, last]];
}

/** Ranges of one word. */
function lowRanges(slot: Slot, ranges: Ranges): Rest {
  const pieces: Piece[] = [{ from: 0, rest: false }];
  for (const [first, last] of ranges) {
    addPiece(pieces, { from: Number(first), rest: true });
    if (last < LOW_WORD) addPiece(pieces, { from: Number(last) + 1, rest: false });
  }
  return piecewise(slot, pieces);
}

/** Ranges of both words: between the high words of the bounds the answer is fixed, on them it is the low word's. */
function wideRanges(slot: Slot, ranges: Ranges): Rest {
  const edges = new Set<number>([0]);
  for (const bound of ranges.flat()) {
    const high = Number(bound >> WORD_BITS);
    edges.add(high);
    if (high < WORD_MAX) edges.add(high + 1);
  }
  const pieces: Piece[] = [];
  for (const from of [...edges].sort((a, b) => a - b)) addPiece(pieces, { from, rest: lowRestAt(slot, ranges, BigInt(from)) });
  return piecewise(slot, pieces);
}

function lowRestAt(slot: Slot, ranges: Ranges, high: bigint): Rest {
  const first = high << WORD_BITS;
  const last = first | LOW_WORD;
  const inside = ranges
    .filter((range) => range[0] <= last && range[1] >= first)
    .map(([from, to]) => [from < first ? 0n : from & LOW_WORD, to > last ? LOW_WORD : to & LOW_WORD] as const);
  return lowRanges(slot + 1, inside);
}

/** Appends a piece, in place of one that would be empty, or lengthens the last one where it leaves the same. */
function addPiece(pieces: Piece[], piece: Piece): void {
  if (pieces.at(-1)?.from === piece.from) pieces.pop();
  const last = pieces.at(-1);
  if (last === undefined || keyOf(last.rest) !== keyOf(piece.rest)) pieces.push(piece);
}

function piecewise(slot: Slot, pieces: readonly Piece[]): Rest {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first.rest;
  const key = `${slot}:${pieces.map(({ from, rest }) => `${from}=${keyOf(rest)}`).join(",")}`;
  return { kind: "pieces", slot, pieces, key };
}

interface WideMask {
  readonly mask: bigint;
  readonly value: bigint;
  readonly negated: boolean;
}

function maskedTerm(slot: Slot, { mask, value, negated }: WideMask): Rest {
  if ((value & ~mask) !== 0n) return negated;
  const low = maskedWord(slot | 1, {
    mask: Number(mask & LOW_WORD),
    value: Number(value & LOW_WORD),
    met: !negated,
    unmet: negated,
  });
  if (slot % 2 === 1) return low;
  return maskedWord(slot, { mask: Number(mask >> WORD_BITS), value: Number(value >> WORD_BITS), met: low, unmet: negated });
}

/** A mask that fixes the upper bits leaves a range, which needs no AND and leaves A as it is. */
function maskedWord(slot: Slot, word: Pick<MaskedTerm, "mask" | "value" | "met" | "unmet">): Rest {
  const { mask, value, met, unmet } = word;
  const free = WORD_MAX - mask;
  if ((free & (free + 1)) !== 0) {
    return { kind: "masked", slot, ...word, key: `${slot}&${mask}=${value}?${keyOf(met)}:${keyOf(unmet)}` };
  }
  const pieces: Piece[] = [{ from: 0, rest: unmet }];
  addPiece(pieces, { from: value, rest: met });
  if (value + free < WORD_MAX) addPiece(pieces, { from: value + free + 1, rest: unmet });
  return piecewise(slot, pieces);
}

function keyOf(rest: Rest): string {
  return typeof rest === "boolean" ? (rest ? "T" : "F") : `(${rest.key})`;
}
