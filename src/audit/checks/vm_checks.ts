import type { Check } from "../check.js";
import { vmDriftFds } from "./vm_drift_fds.js";
import { vmDriftFilters } from "./vm_drift_filters.js";
import { vmDriftIsolation } from "./vm_drift_isolation.js";
import { vmDriftLabel } from "./vm_drift_label.js";
import { vmDriftLimits } from "./vm_drift_limits.js";
import { vmDriftPrivileges } from "./vm_drift_privileges.js";
import { vmFdTopology } from "./vm_fd_topology.js";
import { vmUnsupervised } from "./vm_unsupervised.js";

/** Checks of a running VM against its plan; its processes are judged as all others too. */
export const VM_CHECKS: readonly Check<"vm">[] = [
  vmDriftFilters,
  vmDriftPrivileges,
  vmDriftFds,
  vmDriftIsolation,
  vmDriftLabel,
  vmDriftLimits,
  vmFdTopology,
  vmUnsupervised,
];
