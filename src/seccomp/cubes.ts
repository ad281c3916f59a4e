import type { ArgumentCheck } from "./rule.js";
import { widthMask } from "./rule_semantics.js";

/** A set of 64-bit values given by some of their bits: all v with (v & mask) == value. */
export interface Cube {
  readonly mask: bigint;
  readonly value: bigint;
}

/**
 * A check as a union of cubes, so that masked equality is the only comparison a filter needs. libseccomp up to 2.6.0 merges
 * other 64-bit comparisons on one syscall wrongly (GHSA-4q85-33p6-j5g6), and has no 32-bit comparisons at all. At most
 * `width` + 1 cubes for a comparison with one value. An empty list means that no value passes.
 */
export function cubesOf(check: ArgumentCheck): Cube[] {
  const all = widthMask(check.width);
  switch (check.op) {
    case "==":
      return [{ mask: all, value: check.value & all }];
    case "!=":
      return complement([check.value & all], check.width);
    case "<":
      return below(check.value & all, check.width);
    case "<=":
      return [...below(check.value & all, check.width), { mask: all, value: check.value & all }];
    case ">":
      return above(check.value & all, check.width);
    case ">=":
      return [...above(check.value & all, check.width), { mask: all, value: check.value & all }];
    case "masked-equal":
      return maskedEqual(check.mask & all, check.value & all);
    case "masked-not-equal":
      return maskedNotEqual(check.mask & all, check.value & all);
    case "in":
      return [...new Set(check.values.map((value) => value & all))].map((value) => ({ mask: all, value }));
    case "not-in":
      return complement([...new Set(check.values.map((value) => value & all))], check.width);
  }
}

/** The values in both cubes; undefined when there are none. */
export function intersect(a: Cube, b: Cube): Cube | undefined {
  if (((a.value ^ b.value) & a.mask & b.mask) !== 0n) return undefined;
  return { mask: a.mask | b.mask, value: a.value | b.value };
}

function maskedEqual(mask: bigint, value: bigint): Cube[] {
  return (value & ~mask) === 0n ? [{ mask, value }] : [];
}

/** One cube per bit of the mask: that bit differs. */
function maskedNotEqual(mask: bigint, value: bigint): Cube[] {
  if ((value & ~mask) !== 0n) return [{ mask: 0n, value: 0n }];
  return bitsOf(mask).map((bit) => ({ mask: bit, value: ~value & bit }));
}

/** Values smaller than the bound: equal above some set bit of the bound, and zero in it. */
function below(bound: bigint, width: 32 | 64): Cube[] {
  return bitsOf(bound).map((bit) => ({ mask: widthMask(width) & ~(bit - 1n), value: bound & ~(bit | (bit - 1n)) }));
}

/** Values greater than the bound: equal above some clear bit of the bound, and one in it. */
function above(bound: bigint, width: 32 | 64): Cube[] {
  const all = widthMask(width);
  return bitsOf(all & ~bound).map((bit) => ({ mask: all & ~(bit - 1n), value: (bound & ~(bit - 1n)) | bit }));
}

function bitsOf(value: bigint): bigint[] {
  const bits: bigint[] = [];
  for (let bit = 1n; bit <= value; bit <<= 1n) if ((value & bit) !== 0n) bits.push(bit);
  return bits;
}

/** All values but these, as the subtrees of the binary tree of values that hold none of them. */
function complement(values: readonly bigint[], width: 32 | 64): Cube[] {
  const cubes: Cube[] = [];
  const visit = (prefix: Cube, bit: bigint, inside: readonly bigint[]): void => {
    if (inside.length === 0) cubes.push(prefix);
    else if (bit > 0n) {
      for (const value of [0n, bit]) {
        const half = { mask: prefix.mask | bit, value: prefix.value | value };
        visit(
          half,
          bit >> 1n,
          inside.filter((candidate) => (candidate & bit) === value),
        );
      }
    }
  };
  visit({ mask: 0n, value: 0n }, 1n << BigInt(width - 1), values);
  return cubes;
}
