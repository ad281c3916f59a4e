import { wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { locateFilter } from "../facts/filter_facts.js";

export const seccompArchUnchecked: Check<"filter"> = {
  id: "seccomp-arch-unchecked",
  on: "filter",
  title: "The filter does not look at the arch of a call",
  severity: "critical",
  rationale:
    "Numbers mean other calls on other arches: through int 0x80 a 64-bit program makes i386 calls, where 11 is execve and not munmap. A filter that reads the number alone judges the wrong call.",
  remedy: "Load the arch first, and kill what is not AUDIT_ARCH_X86_64 (0xc000003e).",
  source: "seccomp(2), NOTES; struct seccomp_data of include/uapi/linux/seccomp.h",
  needs: ["filter"],
  judge: (facts) => {
    if (!facts.analysis.ignoresArch) return [];
    const call = facts.analysis.findPassing({ entry: "foreign" });
    if (call === null) return [];
    return [
      {
        subject: facts.subject,
        evidence: `its answer is the same for every arch: ${wordCall(call)} passes`,
        ...locateFilter(facts),
      },
    ];
  },
};
