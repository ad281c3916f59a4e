import { encodeAction } from "../action.js";
import type { ArgumentCheck, SeccompAction } from "../rule.js";

/** A filter of a list whose first match decides: OR of ANDs, or null for every call. */
export interface OrderedFilter {
  readonly clauses: readonly (readonly ArgumentCheck[])[] | null;
  readonly action: SeccompAction;
}

export interface UnorderedRule {
  readonly checks: readonly ArgumentCheck[];
  readonly action: SeccompAction;
}

/** Filters that one list may have, and rules that it may become: taking an alternative out of another multiplies. */
const RULES_MAX = 1024;
/** Pairs of an alternative and an earlier one that are looked at for one filter. */
const PAIRS_MAX = 65_536;

/**
 * Rewrites a list in which the first match decides as rules in any order, none of which answers a call that an earlier filter of
 * another action matches. Undefined when that takes more than 1024 rules.
 */
export function unorder(filters: readonly OrderedFilter[]): UnorderedRule[] | undefined {
  const rules: UnorderedRule[] = [];
  if (filters.length > RULES_MAX) return undefined;
  for (const [position, { clauses, action }] of filters.entries()) {
    const before = filters.slice(0, position).filter((earlier) => encodeAction(earlier.action) !== encodeAction(action));
    if (before.some((earlier) => earlier.clauses === null)) continue;
    let alternatives: readonly (readonly ArgumentCheck[])[] = clauses ?? [[]];
    const taken = before.flatMap((earlier) => earlier.clauses ?? []);
    for (const clause of taken) {
      const negated = clause.map(negate);
      alternatives = alternatives.flatMap((checks) =>
        excludes(checks, clause) ? [checks] : negated.map((check) => [...checks, check]),
      );
      if (alternatives.length > RULES_MAX || alternatives.length * taken.length > PAIRS_MAX) return undefined;
    }
    if (rules.length + alternatives.length > RULES_MAX) return undefined;
    rules.push(...alternatives.map((checks) => ({ checks, action })));
    if (clauses === null) break;
  }
  return rules;
}

/** Whether two lists of checks plainly cannot hold at once: they want one bit of an argument to be 0 and 1. */
function excludes(a: readonly ArgumentCheck[], b: readonly ArgumentCheck[]): boolean {
  return a.some((one) => {
    const bits = fixedBits(one);
    return b.some(
      (other) => other.index === one.index && ((bits.value ^ fixedBits(other).value) & bits.mask & fixedBits(other).mask) !== 0n,
    );
  });
}

/** Bits that an argument must have for the check to hold; none for comparisons by order and for sets. */
function fixedBits(check: ArgumentCheck): { readonly mask: bigint; readonly value: bigint } {
  if (check.op === "==") return { mask: (1n << BigInt(check.width)) - 1n, value: check.value };
  if (check.op === "masked-equal") return check;
  const isOneBit = check.op === "masked-not-equal" && (check.mask & (check.mask - 1n)) === 0n;
  return isOneBit ? { mask: check.mask, value: check.value ^ check.mask } : { mask: 0n, value: 0n };
}

const OPPOSITES = { "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">" } as const;

/** A check that holds exactly where this one does not. */
export function negate(check: ArgumentCheck): ArgumentCheck {
  const text = `not (${check.text})`;
  switch (check.op) {
    case "masked-equal":
      return { ...check, text, op: "masked-not-equal" };
    case "masked-not-equal":
      return { ...check, text, op: "masked-equal" };
    case "in":
      return { ...check, text, op: "not-in" };
    case "not-in":
      return { ...check, text, op: "in" };
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return { ...check, text, op: OPPOSITES[check.op] };
  }
}
