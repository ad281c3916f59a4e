import { type CallFrequency, checkHolds, type SyscallRule } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { wordRule } from "../facts/policy_facts.js";

export const policyGrantUnused: Check<"policy"> = {
  id: "policy-grant-unused",
  on: "policy",
  title: "No measured run has needed a grant",
  severity: "low",
  rationale:
    "Each call that is allowed and never made is reach for an attacker that the work does not pay for. Measurements leave out what is rarer than ten calls in a million, so that errors and rare paths may need it all the same.",
  remedy: "Look at the rule's `why`: provoke it in a test, move it under `start`, or remove it.",
  source: "policies/frequencies/, measured by bench/call_counts.ts",
  needs: ["policy"],
  judge: ({ subject, run, frequencies }) => {
    if (frequencies.length === 0)
      return [{ subject, unknown: "nobody has measured what this role calls: policies/frequencies/ has no file of it" }];
    return run
      .filter((rule) => rule.action.kind === "allow" && !frequencies.some((seen) => matches(rule, seen)))
      .map((rule) => ({
        subject: `${subject}: ${wordRule(rule)}`,
        evidence: `it is allowed because ${JSON.stringify(rule.why)}, and was not among the calls measured`,
        location: rule.position,
      }));
  },
};

function matches({ syscall, checks }: SyscallRule, seen: CallFrequency): boolean {
  return seen.syscall === syscall && checks.every((check) => checkHolds(check, seen.args));
}
