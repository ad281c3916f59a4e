import type { Check } from "../check.js";
import { whenKnown } from "../judge_reading.js";

/** Yama's restricted mode and above: only a parent, or only root, may attach. */
const RESTRICTED = 1;

export const processDumpable: Check<"process"> = {
  id: "process-dumpable",
  on: "process",
  title: "Processes of its uid may read and change its memory",
  severity: "low",
  rationale:
    "A dumpable process is open to ptrace and /proc/PID/mem of every other process of its uid, unless Yama's ptrace_scope forbids it: two services of one uid are one.",
  remedy:
    "Call prctl(PR_SET_DUMPABLE, 0) after exec, give it a uid that nobody shares, and set kernel.yama.ptrace_scope=1 or more.",
  source: 'PR_SET_DUMPABLE, prctl(2); ptrace(2), "Ptrace access mode checking"; Documentation/admin-guide/LSM/Yama.rst',
  needs: ["proc"],
  judge: (facts) =>
    whenKnown(facts.process.dumpable, facts, (dumpable) => {
      if (!dumpable) return [];
      return whenKnown(facts.host.ptraceScope, facts, (scope) => {
        if (scope !== null && scope >= RESTRICTED) return [];
        const yama = scope === null ? "the kernel runs without Yama" : `kernel.yama.ptrace_scope is ${scope}`;
        return [{ subject: facts.subject, evidence: `it is dumpable, and ${yama}` }];
      });
    }),
};
