import { driftCheck } from "./vm_drift.js";

export const vmDriftFds = driftCheck({
  id: "vm-drift-fds",
  title: "A process holds an fd that its plan does not give it",
  severity: "high",
  rationale:
    "An fd is a right: a file, a network, a connection, whatever the process may open by name. It comes over a socket from somebody who has it, or the process made it by a call that its role should not need.",
  layers: ["fds"],
});
