import { driftCheck } from "./vm_drift.js";

export const vmDriftLimits = driftCheck({
  id: "vm-drift-limits",
  title: "The limits of a process are not those of its plan",
  severity: "medium",
  rationale:
    "A raised limit lets a process take from its host what its plan keeps for others; a lowered one makes its guest fail.",
  layers: ["rlimits", "cgroup", "core-scheduling"],
});
