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
export type { FdWatch, MemoryFileFacts, ReceivedBytes, SharedMapping } from "./channel_calls.js";
export { IMAGE_JUDGE_PROGRAM } from "./image_judge_program.js";
export { compileFilter } from "./libseccomp.js";
export { findLibseccomp, type LibseccompFile } from "./libseccomp_file.js";
