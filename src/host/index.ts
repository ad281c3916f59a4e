export type { Availability } from "./availability.js";
export { type CgroupFacts, type Controller, readCgroupFacts, USED_CONTROLLERS } from "./cgroup_facts.js";
export { type ProgramFiles, takeDeviceInventory } from "./device_inventory.js";
export { type HostFacts, probeHost } from "./facts.js";
export { LANDLOCK_FS_ACCESS, LANDLOCK_NET_ACCESS, LANDLOCK_SCOPES, landlockNames } from "./landlock_access.js";
export {
  type InventoryFile,
  type InventoryRequest,
  isCurrent,
  type ProgramInventory,
  signatureOf,
  takeInventory,
} from "./program_inventory.js";
export { readOwnContext, type SelinuxFacts } from "./selinux_facts.js";
export { type StaticProgram, substituteProgram, takeStaticInventory } from "./static_inventory.js";
