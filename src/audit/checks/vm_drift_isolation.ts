import { driftCheck } from "./vm_drift.js";

export const vmDriftIsolation = driftCheck({
  id: "vm-drift-isolation",
  title: "A process is not where its plan puts it",
  severity: "high",
  rationale:
    "Another namespace or root shows a process objects that its plan keeps from it; a process that nobody planned works inside of the VM, and one that ended left its work undone.",
  layers: ["namespaces", "root", "landlock"],
});
