/** What Bulkhead offers to programs: its own commands use nothing else of launches. */
export * from "./errors/index.js";
export { type HostFacts, probeHost } from "./host/index.js";
export {
  confineLauncher,
  describeInspection,
  type Ending,
  type InspectedProcess,
  type Inspection,
  inspectRun,
  type LaunchRequest,
  launch,
  type PlanRequest,
  previewPlan,
  type RunningMachine,
} from "./machine/index.js";
export type { LaunchPlan, ProcessPlan } from "./plan/index.js";
export {
  DEFAULT_QEMU,
  type HostConfig,
  LAYERS,
  type Layer,
  type LayerStatus,
  parseVmText,
  type QemuInstallation,
  readHostFile,
  readVmFile,
  type VmSpec,
} from "./spec/index.js";
export { findRun, listRuns, openDirectories } from "./state/index.js";
export { escapeControls } from "./text/index.js";
