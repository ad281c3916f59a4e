export { loadZod, type Zod } from "./deferred_zod.js";
export { type AddedDevice, addDeviceToSpec, parseDeviceText, readDeviceText } from "./device_file.js";
export { checkFile, type ResultStore, type TextOrigin } from "./file_check.js";
export { readFileText } from "./file_text.js";
export { checkAgainstHost } from "./host_check.js";
export { DEFAULT_QEMU, type DeviceProgram, type HostConfig, type InclusiveRange, type QemuInstallation } from "./host_config.js";
export { builtInHostConfig, DEFAULT_HOST_FILE, parseHostText, readHostFile } from "./host_file.js";
export { hostFileJsonSchema, type JsonSchema, vmFileJsonSchema } from "./json_schema.js";
export { LAYERS, type Layer, type LayerStatus, type LayerStatuses } from "./layer.js";
export { requiredLayers } from "./required_layers.js";
export { choice, flag, mapping, text as textTerm, whole } from "./schema_terms.js";
export { formatSize, parseSize } from "./size.js";
export { parseVmText, readVmFile } from "./vm_file.js";
export type {
  AudioSpec,
  BackingSpec,
  BootSpec,
  DeviceLimits,
  DeviceSpec,
  DiskSpec,
  MachineSpec,
  ModelledDevice,
  NetSpec,
  SerialLineSpec,
  SerialSpec,
  SpecSource,
  UsbDevice,
  UsbSpec,
  VmSpec,
  WatchdogAction,
  WatchdogSpec,
} from "./vm_spec.js";
export { isModelled, USB_DEVICES, VMM_ID, WATCHDOG_ACTIONS } from "./vm_spec.js";
