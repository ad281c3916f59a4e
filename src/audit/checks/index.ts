import type { AnyCheck } from "../check.js";
import { exemptionExpired } from "./exemption_expired.js";
import { exemptionUnused } from "./exemption_unused.js";
import { planLayerLacking } from "./plan_layer_lacking.js";
import { policyGrantUnused } from "./policy_grant_unused.js";
import { policyOpenEndedCheck } from "./policy_open_ended_check.js";
import { processNoNewPrivs } from "./process_no_new_privs.js";
import { seccompAlternativeOpen } from "./seccomp_alternative_open.js";
import { seccompArchUnchecked } from "./seccomp_arch_unchecked.js";
import { seccompCheckDecidesNothing } from "./seccomp_check_decides_nothing.js";
import { seccompClone3Open } from "./seccomp_clone3_open.js";
import { seccompDiffersFromPolicy } from "./seccomp_differs_from_policy.js";
import { seccompEnosysNeeded } from "./seccomp_enosys_needed.js";
import { seccompForeignArchOpen } from "./seccomp_foreign_arch_open.js";
import { seccompHighHalfBypass } from "./seccomp_high_half_bypass.js";
import { seccompIoUringBypass } from "./seccomp_io_uring_bypass.js";
import { seccompKernelSurface } from "./seccomp_kernel_surface.js";
import { seccompLowHalfCompared } from "./seccomp_low_half_compared.js";
import { seccompMemfdExec } from "./seccomp_memfd_exec.js";
import { seccompNewerCallKills } from "./seccomp_newer_call_kills.js";
import { seccompNewerCallsPass } from "./seccomp_newer_calls_pass.js";
import { seccompOpenReadWrite } from "./seccomp_open_read_write.js";
import { seccompOtherProcesses } from "./seccomp_other_processes.js";
import { seccompX32Open } from "./seccomp_x32_open.js";
import { selinuxMcsUnconstrained } from "./selinux_mcs_unconstrained.js";
import { selinuxNnpTransition } from "./selinux_nnp_transition.js";
import { selinuxPermissive } from "./selinux_permissive.js";
import { selinuxRolesReach } from "./selinux_roles_reach.js";
import { selinuxUnconstrainedReach } from "./selinux_unconstrained_reach.js";

/** Every check, in the order in which they are listed and run. */
export const CHECKS: readonly AnyCheck[] = [
  // Filters, whatever has them.
  seccompArchUnchecked,
  seccompForeignArchOpen,
  seccompX32Open,
  seccompHighHalfBypass,
  seccompLowHalfCompared,
  seccompClone3Open,
  seccompAlternativeOpen,
  seccompIoUringBypass,
  seccompNewerCallsPass,
  seccompEnosysNeeded,
  seccompNewerCallKills,
  seccompOpenReadWrite,
  seccompMemfdExec,
  seccompOtherProcesses,
  seccompKernelSurface,
  seccompCheckDecidesNothing,
  // Programs beside their policies.
  seccompDiffersFromPolicy,
  // Role policies of ours.
  policyGrantUnused,
  policyOpenEndedCheck,
  // VM files.
  planLayerLacking,
  // SELinux policies.
  selinuxMcsUnconstrained,
  selinuxPermissive,
  selinuxRolesReach,
  selinuxNnpTransition,
  selinuxUnconstrainedReach,
  // Live processes.
  processNoNewPrivs,
  // Exemptions.
  exemptionExpired,
  exemptionUnused,
];
