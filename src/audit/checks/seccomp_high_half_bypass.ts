import { SYSCALL_NUMBERS, syscallArguments, wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { locateCall } from "../facts/filter_facts.js";
import { kernelWidth } from "../facts/kernel_width.js";

export const seccompHighHalfBypass: Check<"filter"> = {
  id: "seccomp-high-half-bypass",
  on: "filter",
  title: "A refused int argument passes with its high half set",
  severity: "high",
  rationale:
    "The kernel cuts int-sized arguments down after the filter has seen all 64 bits. A rule that refuses a value by comparing all of them is got around by setting any of the upper 32.",
  remedy:
    "Compare the low 32 bits only: a dword in seccompiler, SCMP_CMP_MASKED_EQ with 0xffffffff in libseccomp and OCI, `width: 32` here; or name what is allowed.",
  source: "SYSCALL_DEFINE of the call; kernel/seccomp.c, populate_seccomp_data()",
  needs: ["filter"],
  judge: (facts) =>
    [...SYSCALL_NUMBERS.keys()].flatMap((syscall) =>
      (syscallArguments(syscall) ?? []).flatMap(({ name }, index) => {
        if (kernelWidth(syscall, index) !== 32) return [];
        const call = facts.analysis.findPassingByHighHalf(syscall, index);
        if (call === null) return [];
        const evidence = `${wordCall(call)} passes, and is refused with the upper half of arg${index} (${name}) cleared, which the kernel takes for the same`;
        return [{ subject: `${facts.subject}: ${syscall}, ${name}`, evidence, ...locateCall(facts, syscall, index) }];
      }),
    ),
};
