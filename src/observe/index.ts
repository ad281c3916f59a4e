export { findInCgroup, findInPidNamespaces, listPids, listThreads, pidNamespaceOf } from "./find_processes.js";
export { type ObservedLimit, parseLimits } from "./limits.js";
export { mountRootsOf, type ObservedMount, parseMountinfo } from "./mount.js";
export { NAMESPACE_FILES, type NamespaceKind } from "./namespaces.js";
export { type ObservedFd, observeFds } from "./open_fd.js";
export { type ObservedProcess, observeOwnNamespaces, observeProcess } from "./process.js";
export { isGone, ProcessDirectory } from "./process_directory.js";
export type { CapabilitySets, ObservedThread, ThreadPart } from "./thread.js";
