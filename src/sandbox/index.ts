export { CallGate, type RefusedCall } from "./call_gate.js";
export { createVmCgroup, killCgroup, listGroups, removeCgroup, setCgroupLimits } from "./cgroup.js";
export type { BootFile } from "./child_mounts.js";
export { confineSelf } from "./confine_self.js";
export { hasIoRing } from "./io_rings.js";
export { prepareRoot, removeUnwantedRoots, rootsDirectory } from "./prepared_root.js";
export { joinSession, openSession, type Session } from "./session.js";
export {
  type AlterSpawn,
  type ConfinedProcess,
  type StartRequest,
  spawnProcess,
  startProcess,
  type WatchedProcess,
  watchProcess,
} from "./start_process.js";
