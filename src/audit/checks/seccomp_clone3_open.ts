import { wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { hasPermissiveDefault, locateCall } from "../facts/filter_facts.js";

export const seccompClone3Open: Check<"filter"> = {
  id: "seccomp-clone3-open",
  on: "filter",
  title: "clone is checked while clone3 passes",
  severity: "high",
  rationale:
    "clone3 takes its flags by pointer, where no filter can see them: what the check of clone refuses, new user namespaces above all, is had through clone3.",
  remedy:
    "Answer clone3 with ENOSYS, so that libraries fall back to clone: `clone3: return ENOSYS` (minijail), errnoRet 38 (OCI).",
  source: "clone(2), clone3(); glibc's fall-back in sysdeps/unix/sysv/linux/clone-internal.c",
  needs: ["filter"],
  judge: (facts) => {
    const { analysis, subject } = facts;
    const passing = analysis.findPassing({ syscall: "clone3" });
    const refused = analysis.findRefused({ syscall: "clone" });
    const isChecked = analysis.isJudgedBy("clone", 0) || hasPermissiveDefault(facts);
    if (passing === null || refused === null || !isChecked) return [];
    const evidence = `${wordCall(refused)} is refused, and clone3 passes, which can ask for the same`;
    return [{ subject, evidence, ...locateCall(facts, "clone3") }];
  },
};
