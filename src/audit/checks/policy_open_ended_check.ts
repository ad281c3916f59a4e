import { type ArgumentCheck, type SyscallRule, syscallArguments } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { wordRule } from "../facts/policy_facts.js";

/** Arguments that choose among operations, so that what is not named is an operation nobody looked at. */
const OPERATIONS = ["ioctl", "prctl", "fcntl", "arch_prctl", "af", "socket", "seccomp", "futex"];

export const policyOpenEndedCheck: Check<"policy"> = {
  id: "policy-open-ended-check",
  on: "policy",
  title: "A rule allows every operation but those that it names",
  severity: "medium",
  rationale:
    "The argument chooses an operation: ioctl has thousands. A check that excludes some reads like a limit, and allows all the others, those of drivers to come included.",
  remedy: "Name the operations that are needed: `request: [FIONBIO]`.",
  source: "ioctl_list(2), prctl(2), fcntl(2)",
  needs: ["policy"],
  judge: ({ subject, start, run }) =>
    [...start, ...run]
      .filter((rule) => rule.action.kind === "allow")
      .flatMap((rule) =>
        openEnded(rule).map(({ text }) => ({
          subject: `${subject}: ${wordRule(rule)}`,
          evidence: `${text} holds for every other operation`,
          location: rule.position,
        })),
      ),
};

/** Checks that leave an operation open, where no other check of the rule names it. */
function openEnded({ syscall, checks }: SyscallRule): ArgumentCheck[] {
  return checks.filter((check) => {
    const family = syscallArguments(syscall)?.[check.index]?.family ?? "";
    const isNamed = checks.some((other) => other.index === check.index && ["==", "in"].includes(other.op));
    return OPERATIONS.includes(family) && !isNamed;
  });
}
