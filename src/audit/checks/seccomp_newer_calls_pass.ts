import type { Check } from "../check.js";
import { hasPermissiveDefault, locateFilter } from "../facts/filter_facts.js";

export const seccompNewerCallsPass: Check<"filter"> = {
  id: "seccomp-newer-calls-pass",
  on: "filter",
  title: "Calls that the policy does not know pass",
  severity: "high",
  rationale:
    "The filter names what it refuses and lets the rest pass, and so every call of every later kernel: a list that kept mount out did not keep fsopen and move_mount out, nor open_tree_attr after them.",
  remedy: "Name what is allowed, and answer the rest with ENOSYS or the end of the process.",
  source: "arch/x86/entry/syscalls/syscall_64.tbl, which grows with most releases",
  needs: ["filter"],
  judge: (facts) => {
    if (!hasPermissiveDefault(facts)) return [];
    return [
      { subject: facts.subject, evidence: "it lets numbers through that no kernel has a call for yet", ...locateFilter(facts) },
    ];
  },
};
