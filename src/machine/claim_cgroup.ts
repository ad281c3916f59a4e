import { SandboxError } from "../errors/index.js";
import type { VmCgroupPlan } from "../plan/index.js";
import { createVmCgroup } from "../sandbox/index.js";
import type { OwnedRun } from "../state/index.js";

/**
 * Makes the VM's group, recorded before it is there, so that a crash in between leaves nothing unknown. A second call, of a launch whose
 * images were judged in it, does nothing.
 */
export function claimCgroup(run: OwnedRun, plan: VmCgroupPlan): void {
  if (run.record.cgroup === plan.path) return;
  run.update({ cgroup: plan.path });
  try {
    createVmCgroup(plan);
  } catch (error) {
    // A group that stood before is not ours: cleaning up would kill what another owner runs in it.
    if (error instanceof SandboxError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "EEXIST") {
      run.update({ cgroup: null });
    }
    throw error;
  }
}
