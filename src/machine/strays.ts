import type { LaunchPlan } from "../plan/index.js";
import { killCgroup, listGroups, removeCgroup, setCgroupLimits } from "../sandbox/index.js";
import { type Directories, type OwnedRun, releaseUids, reservedUids } from "../state/index.js";

/**
 * Gives back what a VM holds and its plan does not name: of a device that was being added, or was just removed, when whoever did
 * it died or gave up. Its processes end with their group; where the host has no cgroup v2 they must be ended before.
 */
export async function removeStrays(plan: LaunchPlan, run: OwnedRun, directories: Directories): Promise<void> {
  const ids = plan.processes.map(({ id }) => id);
  run.update({ processes: run.record.processes.filter(({ id }) => ids.includes(id)) });
  if (plan.cgroup !== null) {
    for (const name of listGroups(plan.cgroup.path).filter((group) => !ids.includes(group))) {
      killCgroup(`${plan.cgroup.path}/${name}`);
      await removeCgroup(`${plan.cgroup.path}/${name}`);
    }
    setCgroupLimits(plan.cgroup);
  }
  const uids = plan.processes.map(({ uid }) => uid);
  releaseUids(
    directories,
    reservedUids(directories, plan.vm).filter((uid) => !uids.includes(uid)),
  );
  run.update({ uids: run.record.uids.filter((uid) => uids.includes(uid)) });
}
