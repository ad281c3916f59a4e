import { wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { locateFilter } from "../facts/filter_facts.js";

export const seccompForeignArchOpen: Check<"filter"> = {
  id: "seccomp-foreign-arch-open",
  on: "filter",
  title: "Calls of another arch pass",
  severity: "medium",
  rationale:
    "The i386 entry of the kernel is less used and less tested than the native one, has calls of its own (socketcall, ipc) whose arguments no filter can see, and a 64-bit process does not need it.",
  remedy: "Kill calls whose arch is not AUDIT_ARCH_X86_64; in an OCI profile list SCMP_ARCH_X86_64 alone.",
  source: "seccomp(2), NOTES; arch/x86/entry/syscalls/syscall_32.tbl",
  needs: ["filter"],
  judge: (facts) => {
    const { subject, analysis, openEntries } = facts;
    const declared = openEntries.filter(({ entry }) => entry === "foreign-arch");
    if (declared.length > 0) return declared.map(({ evidence }) => ({ subject, evidence, ...locateFilter(facts) }));
    if (analysis.ignoresArch) return [];
    const call = analysis.findPassing({ entry: "foreign" });
    return call === null ? [] : [{ subject, evidence: `it lets through ${wordCall(call)}`, ...locateFilter(facts) }];
  },
};
