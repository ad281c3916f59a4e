import {
  type ArgumentCheck,
  checkHolds,
  decideCall,
  type FilterRules,
  type SeccompAction,
  SYSCALL_NUMBERS,
  type SyscallRule,
  widthMask,
  X32_BIT,
} from "../../seccomp/index.js";

/** A call at the boundary of what a role may do, with what it must be answered. */
export interface BoundaryCall {
  readonly syscall: string;
  readonly number: number;
  readonly args: readonly bigint[];
  readonly action: SeccompAction;
}

/** Calls that no filter sees: kernel/seccomp.c, seccomp_uprobe_exception() and its predecessor since Linux 6.14. They are the kernel's own, for probes. */
export const PAST_FILTERS: readonly string[] = ["uretprobe", "uprobe"];

const NO_ARGUMENTS: readonly bigint[] = Array.from({ length: 6 }, () => 0n);
const KILL: SeccompAction = { kind: "kill-process" };

/**
 * Every call that the rules do not name, every one that they name under its x32 number, and around each argument check the nearest
 * values that it refuses: each bit flipped, one more, one less. Only calls that must not go through.
 */
export function boundaryCalls(filter: FilterRules): BoundaryCall[] {
  return [...SYSCALL_NUMBERS].flatMap(([syscall, number]) => {
    if (PAST_FILTERS.includes(syscall)) return [];
    const rules = filter.rules.filter((rule) => rule.syscall === syscall);
    if (rules.length === 0) return [{ syscall, number, args: NO_ARGUMENTS, action: filter.otherwise }];
    const x32 = { syscall, number: number + X32_BIT, args: NO_ARGUMENTS, action: KILL };
    return [x32, ...rules.flatMap((rule) => neighbours(rule, filter, number))];
  });
}

/**
 * Calls that differ from one that the rule answers in one argument, and that the filter does not allow; of a rule that refuses, one
 * that it answers as well.
 */
function neighbours(rule: SyscallRule, filter: FilterRules, number: number): BoundaryCall[] {
  const args = callOfRule(rule);
  if (args === null) return [];
  const own = rule.action.kind === "allow" ? [] : [{ syscall: rule.syscall, number, args, action: rule.action }];
  const near = rule.checks.flatMap((check) =>
    nearValues(check, args[check.index] as bigint).flatMap((value) => {
      const changed = args.with(check.index, value);
      const { action } = decideCall(filter, rule.syscall, changed);
      return action.kind === "allow" ? [] : [{ syscall: rule.syscall, number, args: changed, action }];
    }),
  );
  return [...own, ...near];
}

/** A number that is no fd of the probe, no process and no address: carried out, a call with it fails otherwise than any rule answers. */
const NOTHING = 99n;

/** Arguments that the rule answers. Null: no value was found that satisfies all its checks. */
export function callOfRule(rule: SyscallRule): bigint[] | null {
  const args = NO_ARGUMENTS.map((zero) => (rule.action.kind === "errno" ? NOTHING : zero));
  for (const { index } of rule.checks) {
    const checks = rule.checks.filter((check) => check.index === index);
    const fits = (value: bigint) => checks.every((check) => checkHolds(check, args.with(index, value)));
    const value = checks.flatMap((check) => [...bounds(check), ...bits(check)]).find(fits);
    if (value === undefined) return null;
    args[index] = value;
  }
  return args;
}

/** Around each value that the check names, not only the one that stands in the call. */
function nearValues(check: ArgumentCheck, value: bigint): bigint[] {
  const all = widthMask(64);
  const around = [value, ...bounds(check)].flatMap((one) => [
    ...bits(check).map((bit) => one ^ bit),
    (one + 1n) & all,
    (one - 1n) & all,
  ]);
  return [...new Set(around)];
}

function bounds(check: ArgumentCheck): bigint[] {
  if ("values" in check) return [...check.values];
  return "mask" in check ? [check.value, check.value | (widthMask(check.width) & ~check.mask)] : [check.value, 0n];
}

function bits({ width }: ArgumentCheck): bigint[] {
  return Array.from({ length: width }, (_, place) => 1n << BigInt(place));
}
