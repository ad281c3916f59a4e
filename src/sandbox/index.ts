export { CallGate, type RefusedCall } from "./call_gate.js";
export { createVmCgroup, killCgroup, listGroups, removeCgroup, setCgroupLimits } from "./cgroup.js";
export type { BootFile } from "./child_mounts.js";
export { confineSelf } from "./confine_self.js";
export { hasIoRing } from "./io_rings.js";
export { prepareRoot, removeUnwantedRoots, rootsDirectory } from "./prepared_root.js";
export { compareRoot } from "./root_tree.js";
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
export { describeLayers, type LayerReport } from "./verify/describe_layers.js";
export type { Difference } from "./verify/difference.js";
export type { HeldFd } from "./verify/fds.js";
export { LAUNCHER_ID, type LauncherReading, readLauncher } from "./verify/launcher.js";
export { type MachineReading, readMachine, type StartedProcess, verifyMachine } from "./verify/verify_machine.js";
export { verifySettledMachine } from "./verify/verify_settled.js";
