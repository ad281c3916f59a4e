import type { CallFrequency } from "./call_frequency.js";
import { cubesOf } from "./cubes.js";
import type { ArgumentCheck, SyscallRule } from "./rule.js";

/** What stands for measured calls where there are none: one call for every rule, with values that its checks name. */
export function ruleFrequencies(rules: readonly SyscallRule[]): CallFrequency[] {
  return rules.flatMap((rule) =>
    rule.checks.reduce<CallFrequency[]>(spread, [{ syscall: rule.syscall, args: NO_ARGS, count: 1 }]),
  );
}

const NO_ARGS: readonly bigint[] = Array.from({ length: 6 }, () => 0n);

/** A set of alternatives is as many calls; of an order or a mask one value is enough. */
function spread(calls: readonly CallFrequency[], check: ArgumentCheck): CallFrequency[] {
  const values =
    check.op === "in"
      ? check.values
      : cubesOf(check)
          .slice(0, 1)
          .map(({ value }) => value);
  return values.flatMap((value) =>
    calls.map((call) => ({ ...call, args: call.args.with(check.index, value), count: call.count / values.length })),
  );
}
