export { describeLayers, type LayerReport } from "./describe_layers.js";
export type { Difference } from "./difference.js";
export { EVIDENCE_NAME, type Evidence, type RecordedSpec, type RunEvidence, readEvidence } from "./evidence.js";
export type { HeldFd } from "./fds.js";
export { LAUNCHER_ID, type LauncherReading, readLauncher } from "./launcher.js";
export { findUnlabelled, plannedLabels, type RootLabels } from "./root_labels.js";
export { compareRoot, MOUNT_POINTS, SEALED_MTIME_S } from "./root_tree.js";
export { type MachineReading, readMachine, type StartedProcess, verifyMachine } from "./verify_machine.js";
export { readSettledMachine, verifySettledMachine } from "./verify_settled.js";
