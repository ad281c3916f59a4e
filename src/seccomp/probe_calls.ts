import { cubesOf } from "./cubes.js";
import type { FilterRules } from "./phases.js";
import type { ArgumentCheck, SyscallRule } from "./rule.js";

/** Most argument vectors that the full product may give for one syscall; beyond it each rule is probed one argument at a time. */
const PRODUCT_MAX = 20_000;

/** Values that a filter is likely to get wrong whatever its rules: ends of both widths. */
const EVERYWHERE = [0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x7fffffffffffffffn, 0xffffffffffffffffn];
const ALL = 0xffffffffffffffffn;
const HIGH = 0xffffffff00000000n;

/** Argument vectors at the boundaries of a syscall's rules: allowed values, their neighbours, high bits, other arguments. */
export function* probeArguments(filter: FilterRules, syscall: string): Generator<readonly bigint[]> {
  const rules = filter.rules.filter((rule) => rule.syscall === syscall);
  const checked = [...new Set(rules.flatMap((rule) => rule.checks.map(({ index }) => index)))];
  const values = new Map(checked.map((index) => [index, boundaryValues(rules, index)] as const));
  const size = [...values.values()].reduce((product, list) => product * list.length, 1);
  const fillers = [0n, ALL];
  for (const filler of fillers) {
    const base = Array.from({ length: 6 }, () => filler);
    if (size <= PRODUCT_MAX) yield* product(base, [...values]);
    else for (const rule of rules) for (const seed of seeds(rule, base)) yield* oneAtATime(seed, [...values]);
  }
}

function boundaryValues(rules: readonly SyscallRule[], index: ArgumentCheck["index"]): bigint[] {
  const checks = rules.flatMap((rule) => rule.checks.filter((check) => check.index === index));
  return [...new Set([...EVERYWHERE, ...checks.flatMap(neighbours)])];
}

/** The bounds of a check with everything one step or one bit away from them. */
function neighbours(check: ArgumentCheck): bigint[] {
  const bounds = "values" in check ? check.values : [check.value];
  const mask = "mask" in check ? check.mask : 0n;
  const flipped = "mask" in check ? singleBits(mask).map((bit) => check.value ^ bit) : [];
  const near = bounds.flatMap((bound) => [
    bound,
    bound - 1n,
    bound + 1n,
    bound ^ 0x80000000n,
    bound ^ 0x100000000n,
    bound | HIGH,
  ]);
  const unmasked = "mask" in check ? [check.value | (~mask & ALL), check.value | mask] : [];
  return [...near, ...flipped, ...unmasked].map((value) => value & ALL);
}

function singleBits(mask: bigint): bigint[] {
  return Array.from({ length: 64 }, (_, position) => 1n << BigInt(position)).filter((bit) => (mask & bit) !== 0n);
}

function* product(
  base: readonly bigint[],
  values: readonly (readonly [number, readonly bigint[]])[],
): Generator<readonly bigint[]> {
  const [first, ...rest] = values;
  if (first === undefined) {
    yield base;
    return;
  }
  for (const value of first[1]) yield* product(base.with(first[0], value), rest);
}

/** Vectors that satisfy the rule, one per bound of each of its checks. */
function seeds(rule: SyscallRule, base: readonly bigint[]): (readonly bigint[])[] {
  let vectors: (readonly bigint[])[] = [base];
  for (const check of rule.checks) {
    const witnesses = cubesOf(check).map(({ value }) => value);
    // Only the last check is spread over all its bounds, or the seeds would multiply.
    vectors = vectors.slice(0, 1).flatMap((vector) => witnesses.map((value) => vector.with(check.index, value)));
  }
  return vectors;
}

function* oneAtATime(
  seed: readonly bigint[],
  values: readonly (readonly [number, readonly bigint[]])[],
): Generator<readonly bigint[]> {
  for (const [index, list] of values) for (const value of list) yield seed.with(index, value);
}
