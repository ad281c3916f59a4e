export { type ObservedActivity, observeActivity } from "./activity.js";
export { type CodeMapping, describeAddress, observeCode, parseCode, readCode } from "./code_map.js";
export { type LoadedFilters, observeFilters } from "./filters.js";
export { findInCgroup, findInPidNamespaces, listPids, listThreads, pidNamespaceOf } from "./find_processes.js";
export { type ObservedLimit, parseLimits } from "./limits.js";
export { mountRootsOf, type ObservedMount, parseMountinfo } from "./mount.js";
export { NAMESPACE_FILES, type NamespaceKind } from "./namespaces.js";
export { type ObservedFd, observeFds } from "./open_fd.js";
export { type ObservedProcess, observeOwnNamespaces, observeProcess } from "./process.js";
export { isGone, ProcessDirectory } from "./process_directory.js";
export {
  type CapabilitySets,
  type LauncherThread,
  type ObservedThread,
  observeLauncherThreads,
  type ThreadPart,
  type ThreadStatus,
} from "./thread.js";
