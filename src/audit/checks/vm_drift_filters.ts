import type { Check } from "../check.js";
import { driftCheck } from "./vm_drift.js";

const drift = driftCheck({
  id: "vm-drift-filters",
  title: "A thread does not run the filter that its plan has",
  severity: "critical",
  rationale:
    "The planned program was proved equal to its policy. A thread with another, or with none, is bounded by nothing that anybody proved, and shares all memory with the others.",
  layers: ["seccomp"],
});

export const vmDriftFilters: Check<"vm"> = {
  ...drift,
  judge: (facts) => [
    ...drift.judge(facts),
    ...facts.filtersUnread.map(({ process, why }) => ({
      subject: `${process} of ${facts.subject}`,
      unknown: `its filters: ${why}`,
    })),
  ],
};
