import type { ArgumentCheck, SeccompAction, SeccompPolicy, SyscallRule } from "../../../src/seccomp/index.js";

type CheckShape = ArgumentCheck extends infer C ? (C extends unknown ? Omit<C, "text"> : never) : never;

/** A rule as the policy room would make it, `allow` unless an action is given. */
export function rule(
  syscall: string,
  checks: readonly CheckShape[] = [],
  action: SeccompAction = { kind: "allow" },
): SyscallRule {
  const worded = checks.map((check): ArgumentCheck => ({ ...check, text: `argument ${check.index} ${check.op}` }));
  return { syscall, checks: worded, action, why: "a test calls it", position: { file: "sets/test.yaml", line: 1, column: 1 } };
}

/** A policy that kills whatever its rules do not name. */
export function policy(run: readonly SyscallRule[], start: readonly SyscallRule[] = []): SeccompPolicy {
  return { run, start, otherwise: { kind: "kill-process" } };
}
