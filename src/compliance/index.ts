export type { ActArgument, ActStep, Control, Refuser, Twin } from "./controls/control.js";
export { parseControlText, readControlFile } from "./controls/control_file.js";
export { readControlFolders } from "./controls/control_folder.js";
export { type HostileRequest, HostileVm, type HostileVmShape } from "./hostile/hostile_vm.js";
export { REMOVABLE_LAYERS } from "./hostile/layers_off.js";
export { KNOWN_ROLES } from "./hostile/vm_text.js";
export { type RunRequest, runControls } from "./run/run_controls.js";
export type { Verdict } from "./run/verdict.js";
