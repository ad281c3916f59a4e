import { encodeAction } from "./action.js";
import type { FilterRules } from "./phases.js";
import type { ArgumentCheck, SeccompAction, SyscallRule } from "./rule.js";

/** What the rules say of one call: the action, and which rules matched. `conflict` when matching rules differ in their action. */
export interface Decision {
  readonly action: SeccompAction;
  readonly matched: readonly SyscallRule[];
  readonly conflict: boolean;
}

/** All bits of an argument of this width. */
export function widthMask(width: 32 | 64): bigint {
  return (1n << BigInt(width)) - 1n;
}

/** Decides a call by reading the rules as they are written; the meaning that any compiled filter is measured against. */
export function decideCall(filter: FilterRules, syscall: string, args: readonly bigint[]): Decision {
  const matched = filter.rules.filter(
    (rule) => rule.syscall === syscall && rule.checks.every((check) => checkHolds(check, args)),
  );
  const first = matched[0];
  if (first === undefined) return { action: filter.otherwise, matched, conflict: false };
  const answer = encodeAction(first.action);
  return { action: first.action, matched, conflict: matched.some((rule) => encodeAction(rule.action) !== answer) };
}

/** Whether one comparison holds. Only the low `width` bits of the argument and of the compared values count. */
export function checkHolds(check: ArgumentCheck, args: readonly bigint[]): boolean {
  const all = widthMask(check.width);
  const argument = (args[check.index] ?? 0n) & all;
  switch (check.op) {
    case "==":
      return argument === (check.value & all);
    case "!=":
      return argument !== (check.value & all);
    case "<":
      return argument < (check.value & all);
    case "<=":
      return argument <= (check.value & all);
    case ">":
      return argument > (check.value & all);
    case ">=":
      return argument >= (check.value & all);
    case "masked-equal":
      return (argument & check.mask) === (check.value & all);
    case "masked-not-equal":
      return (argument & check.mask) !== (check.value & all);
    case "in":
      return check.values.some((value) => argument === (value & all));
    case "not-in":
      return check.values.every((value) => argument !== (value & all));
  }
}
