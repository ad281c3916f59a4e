import type { SyscallRule } from "../seccomp/index.js";
import type { PolicyProblem } from "./policy_text.js";
import type { Grant } from "./resolved_policy.js";

/** Rules that can never be the ones to answer a call, because another rule of their phase answers every call they match. */
export function findOverlaps(start: readonly SyscallRule[], run: readonly SyscallRule[]): PolicyProblem[] {
  return [...within(run, "run"), ...within(start, "start")];
}

/** Start rules without those that a run rule answers anyway: one set may need at start what another needs at run time. */
export function withoutRunCalls(start: readonly SyscallRule[], run: readonly SyscallRule[]): SyscallRule[] {
  return start.filter((rule) => !run.some((other) => covers(other, rule)));
}

function within(rules: readonly SyscallRule[], phase: string): PolicyProblem[] {
  return rules.flatMap((rule, index) =>
    rules
      .filter((other, otherIndex) => otherIndex !== index && covers(other, rule) && (!covers(rule, other) || otherIndex < index))
      .slice(0, 1)
      .map((other) => problem(rule, other, phase)),
  );
}

/** Same syscall, and each check of `a` is also one of `b`: then `a` matches whatever `b` matches. */
function covers(a: SyscallRule, b: SyscallRule): boolean {
  if (a.syscall !== b.syscall) return false;
  const narrower = new Set(b.checks.map(({ text }) => text));
  return a.checks.every(({ text }) => narrower.has(text));
}

function problem(rule: SyscallRule, by: SyscallRule, phase: string): PolicyProblem {
  const { file, line, column } = by.position;
  return {
    position: rule.position,
    message: `${rule.syscall} is answered already by the ${phase} rule at ${file}:${line}:${column}; remove one`,
  };
}

/** Grants of one list that name the same thing twice. */
export function findDoubleGrants<T>(grants: readonly Grant<T>[], nameOf: (grant: T) => string): PolicyProblem[] {
  return grants.flatMap((grant, index) => {
    const earlier = grants.slice(0, index).find((other) => nameOf(other) === nameOf(grant));
    if (earlier === undefined) return [];
    const { file, line, column } = earlier.position;
    return [
      { position: grant.position, message: `${nameOf(grant)} is granted already at ${file}:${line}:${column}; remove one` },
    ];
  });
}
