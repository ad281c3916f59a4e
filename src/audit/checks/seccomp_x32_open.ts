import { wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { locateFilter } from "../facts/filter_facts.js";

export const seccompX32Open: Check<"filter"> = {
  id: "seccomp-x32-open",
  on: "filter",
  title: "Calls by x32 numbers pass",
  severity: "high",
  rationale:
    "The same x86-64 entry takes every call a second time with bit 30 of its number set. A filter that names calls to refuse them, and lets the rest pass, refuses none of them under their x32 numbers.",
  remedy: "Refuse numbers from 0x40000000 on before any other rule, or build the filter as a list of what is allowed.",
  source: "__X32_SYSCALL_BIT, arch/x86/include/uapi/asm/unistd.h; seccomp(2), NOTES",
  needs: ["filter"],
  judge: (facts) => {
    const { subject, analysis, openEntries } = facts;
    const declared = openEntries.filter(({ entry }) => entry === "x32");
    if (declared.length > 0) return declared.map(({ evidence }) => ({ subject, evidence, ...locateFilter(facts) }));
    const call = analysis.findPassing({ entry: "x32" });
    return call === null ? [] : [{ subject, evidence: `it lets through ${wordCall(call)}`, ...locateFilter(facts) }];
  },
};
