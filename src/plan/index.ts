export { INITRD_PATH, KERNEL_PATH } from "./arguments.js";
export { withJudgedFileSize } from "./file_size_limit.js";
export { dataKey, imageFiles, imageKey, imageLayers } from "./image_nodes.js";
export type {
  FdKind,
  FdPlan,
  FdSource,
  LandlockPlan,
  LauncherPlan,
  LaunchPlan,
  LimitsPlan,
  MachinePlan,
  MonitorCommand,
  NamespaceName,
  NodePlan,
  ProcessCgroupPlan,
  ProcessPlan,
  RootEntry,
  SeccompPlan,
  SelinuxPlan,
  VmCgroupPlan,
} from "./launch_plan.js";
export { planLauncher } from "./launcher.js";
export { judgeLayers } from "./layers.js";
export { CGROUP_DIRECTORY } from "./limits.js";
export { type AddedDevicePlan, planAddedDevice, planWithoutDevice, requireHotPlugSlot } from "./plan_added_device.js";
export { IMAGE_JUDGE_ROLE, JUDGE_FDS } from "./plan_image_judges.js";
export type {
  DevicePlanInputs,
  FilterFacts,
  Identity,
  ImageFacts,
  LauncherInputs,
  PlanInputs,
  RoleInputs,
} from "./plan_inputs.js";
export { planLaunch } from "./plan_launch.js";
export { roleKey } from "./role_key.js";
