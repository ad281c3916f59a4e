import { driftCheck } from "./vm_drift.js";

export const vmDriftLabel = driftCheck({
  id: "vm-drift-label",
  title: "A label is not the one that the plan has",
  severity: "critical",
  rationale:
    "By its label alone a process of one VM is kept from the files of another where everything else fails. One that was changed reaches what the new label reaches.",
  layers: ["selinux"],
});
