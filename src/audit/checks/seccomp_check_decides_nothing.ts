import type { Check } from "../check.js";
import { locateCall } from "../facts/filter_facts.js";

export const seccompCheckDecidesNothing: Check<"filter"> = {
  id: "seccomp-check-decides-nothing",
  on: "filter",
  title: "Rules check arguments and let every call pass",
  severity: "medium",
  rationale:
    "The checks of one syscall's rules cover all values between them, or another rule lets pass what they refuse: whoever reads the policy believes in a limit that is not there.",
  remedy: "Remove the rule that lets the rest pass, or remove the checks so that the policy says what it does.",
  source: "seccomp(2): the answer of the filter counts, not its text",
  needs: ["filter"],
  judge: (facts) => {
    const checked = facts.rules.filter(({ checks, action }) => checks.length > 0 && action.kind === "allow");
    return [...new Set(checked.map(({ syscall }) => syscall))].flatMap((syscall) => {
      if (facts.analysis.findRefused({ syscall }) !== null) return [];
      const [rule] = checked.filter((one) => one.syscall === syscall);
      const [index] = rule?.checks.map((check) => check.index) ?? [];
      const evidence = `${syscall} passes with any arguments, although a rule says ${rule?.checks.map(({ text }) => text).join(" and ")}`;
      return [{ subject: `${facts.subject}: ${syscall}`, evidence, ...locateCall(facts, syscall, index) }];
    });
  },
};
