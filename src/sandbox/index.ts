export { createVmCgroup, killCgroup, removeCgroup } from "./cgroup.js";
export type { BootFile } from "./child_mounts.js";
export { compareRoot, prepareRoot, removeUnwantedRoots, rootsDirectory } from "./prepared_root.js";
export { type AlterSpawn, type ConfinedProcess, type StartRequest, startProcess, watchProcess } from "./start_process.js";
export { describeLayers, type LayerReport } from "./verify/describe_layers.js";
export type { Difference } from "./verify/difference.js";
export type { HeldFd } from "./verify/fds.js";
export { type MachineReading, readMachine, type StartedProcess, verifyMachine } from "./verify/verify_machine.js";
