import { SYSCALL_NUMBERS, syscallArguments, wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { locateCall } from "../facts/filter_facts.js";
import { ignoresHighHalf, kernelWidth } from "../facts/kernel_width.js";

export const seccompLowHalfCompared: Check<"filter"> = {
  id: "seccomp-low-half-compared",
  on: "filter",
  title: "A 64-bit argument is compared by its low half only",
  severity: "medium",
  rationale:
    "The rule reads as if it allowed one value, and allows 4,294,967,296: every one with that low half. Lengths, addresses and offsets are 64 bits wide in the kernel.",
  remedy: "Compare both halves: a qword in seccompiler, both words in a program, no `width: 32` here.",
  source: "SYSCALL_DEFINE of the call; kernel/seccomp.c, populate_seccomp_data()",
  needs: ["filter"],
  judge: (facts) =>
    [...SYSCALL_NUMBERS.keys()].flatMap((syscall) =>
      (syscallArguments(syscall) ?? []).flatMap(({ name }, index) => {
        if (kernelWidth(syscall, index) !== 64) return [];
        const call = facts.analysis.findLowHalfCompared(syscall, index);
        if (call === null) return [];
        const evidence = `${wordCall(call)} passes: whatever the upper half of arg${index} (${name}) holds`;
        const observation = { subject: `${facts.subject}: ${syscall}, ${name}`, evidence, ...locateCall(facts, syscall, index) };
        if (!ignoresHighHalf(syscall, index)) return [observation];
        return [{ ...observation, severity: "low" as const, evidence: `${evidence}; today's kernel looks at the low half only` }];
      }),
    ),
};
