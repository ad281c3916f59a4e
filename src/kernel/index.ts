export {
  type Addon,
  addon,
  answerOf,
  type ChildOperation,
  type ChildStep,
  type ConfineResult,
  type ExitStatus,
  isSystemError,
  type NativeSession,
  type SpawnRequest,
  type SpawnResult,
  type SystemError,
} from "./addon.js";
export type { CallGateOptions, GatePhase, NativeCallGate, NativeRefusal } from "./call_gate.js";
export type { FdWatch, MemoryFileFacts, ReceivedBytes, SharedMapping } from "./channel_calls.js";
export { FILTER_PROBE_PROGRAM } from "./filter_probe_program.js";
export { HOSTILE_DEVICE_PROGRAM } from "./hostile_device_program.js";
export { IMAGE_JUDGE_PROGRAM } from "./image_judge_program.js";
export { KVM_RIG_GUEST, KVM_RIG_PROGRAM } from "./kvm_rig_program.js";
export { findLibseccomp, type LibseccompFile } from "./library_file.js";
export { compileFilter, type SyscallLookup } from "./libseccomp.js";
export { type LabelledFile, readFileContext, setFileContext, withSocketContext } from "./libselinux.js";
export { CompiledPolicy, type PolicyDecision, type PolicyQuestion, type RefusedBy } from "./libsepol.js";
export type { FileFacts, UnixSocketFacts } from "./observation_calls.js";
