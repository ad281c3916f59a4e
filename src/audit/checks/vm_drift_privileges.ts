import { driftCheck } from "./vm_drift.js";

export const vmDriftPrivileges = driftCheck({
  id: "vm-drift-privileges",
  title: "A process has privileges that its plan does not give it",
  severity: "critical",
  rationale:
    "A process of a VM starts without capabilities, with no_new_privs and a uid of its own, and has no way to gain any. One that has them now was given them from outside, or was never what its plan says.",
  layers: ["capabilities", "securebits", "no-new-privs", "uid", "dumpable"],
});
