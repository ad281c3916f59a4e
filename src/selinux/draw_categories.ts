import { randomInt } from "node:crypto";
import { SelinuxError } from "../errors/index.js";
import { type Categories, dominates, sortCategories } from "./categories.js";

/** Categories that VMs of this host may have, both ends included. */
export interface CategoryRange {
  readonly first: number;
  readonly last: number;
}

/** The two categories that all processes of one VM have, ascending. */
export type CategoryPair = readonly [number, number];

/** Draws before giving up: with one pair in two taken, one in 10^19 draws needs as many. */
const DRAWS_MAX = 64;

/**
 * The lower half of the range makes pairs, the upper half tells the processes of one VM apart. So no pair is ever part of
 * another VM's pair and process category, and two VMs with different pairs dominate nothing of each other:
 * docs/decisions/0043-two-halves-of-categories.md.
 */
export function halves({ first, last }: CategoryRange): { readonly pairs: CategoryRange; readonly own: CategoryRange } {
  const middle = first + Math.ceil((last - first + 1) / 2);
  return { pairs: { first, last: middle - 1 }, own: { first: middle, last } };
}

/**
 * Draws a VM's pair at random until one conflicts with nothing in use and `take` accepts it. `inUse`: the levels of all processes
 * and files that are known, whoever made them. Throws SelinuxError "categories-exhausted".
 */
export function drawPair(
  range: CategoryRange,
  inUse: readonly Categories[],
  take: (pair: CategoryPair) => boolean,
): CategoryPair {
  const { pairs } = halves(range);
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const pair = randomPair(pairs);
    const conflicts = inUse.some((level) => level.length > 0 && (dominates(level, pair) || dominates(pair, level)));
    if (!conflicts && take(pair)) return pair;
  }
  throw exhausted(range, `${DRAWS_MAX} pairs drawn at random were all in use`);
}

/**
 * Draws the category of one more process of the VM. `taken`: those that its other processes have. Throws SelinuxError
 * "categories-exhausted".
 */
export function drawProcessCategory(
  range: CategoryRange,
  pair: CategoryPair,
  use: { readonly taken: readonly number[]; readonly inUse: readonly Categories[] },
): number {
  const { own } = halves(range);
  const all = Array.from({ length: own.last - own.first + 1 }, (_, index) => own.first + index);
  const isFree = (category: number): boolean => {
    const level = sortCategories([...pair, category]);
    return !use.taken.includes(category) && !use.inUse.some((other) => other.includes(category) && dominates(level, other));
  };
  const free = all.filter(isFree);
  const drawn = free[randomInt(Math.max(1, free.length))];
  if (drawn === undefined) throw exhausted(range, `all ${all.length} categories that tell processes apart are in use`);
  return drawn;
}

function randomPair({ first, last }: CategoryRange): CategoryPair {
  const count = last - first + 1;
  const one = randomInt(count);
  // Of the others, so that the two differ.
  const other = (one + 1 + randomInt(count - 1)) % count;
  return [first + Math.min(one, other), first + Math.max(one, other)];
}

function exhausted({ first, last }: CategoryRange, answer: string): SelinuxError {
  return new SelinuxError({
    code: "categories-exhausted",
    tried: `Cannot draw categories of c${first}-c${last}`,
    subject: `c${first}-c${last}`,
    answer,
    remedy: "Widen `categories` in the host file, or end VMs.",
  });
}
