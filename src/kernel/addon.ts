import { createRequire } from "node:module";
import { HostError } from "../errors/index.js";
import type { CallGateOptions, NativeCallGate } from "./call_gate.js";
import type { ChannelCalls } from "./channel_calls.js";
import type { ProgramReplacement } from "./program_replacement.js";

/** The names of what a confined child does between clone and exec: native/core/child_operation.h says what each requires. */
export type ChildStep =
  | "process-group"
  | "session-keyring"
  | "exec-context"
  | "current-context"
  | "memfd-noexec"
  | "umask"
  | "cgroup-namespace"
  | "private-mounts"
  | "attach-mount"
  | "pivot-root"
  | "host-name"
  | "place-fd"
  | "close-other-fds"
  | "resource-limit"
  | "group-id"
  | "user-id"
  | "securebits"
  | "drop-bounding-set"
  | "clear-ambient-set"
  | "drop-capabilities"
  | "no-new-privs"
  | "landlock"
  | "expect-open"
  | "expect-ambient"
  | "expect-own-keyring"
  | "expect-securebits"
  | "default-signals"
  | "end-with-launcher"
  | "seccomp-filter"
  | "listener-taken"
  | "close-listener"
  | "exec";

/** One operation; which members count depends on the step. */
export interface ChildOperation {
  readonly step: ChildStep;
  readonly fd?: number;
  readonly directoryFd?: number;
  readonly number?: bigint;
  readonly value?: bigint;
  readonly path?: string;
  readonly data?: Buffer;
}

export interface SpawnRequest {
  readonly operations: readonly ChildOperation[];
  readonly argv: readonly string[];
  /** `NAME=value` strings. */
  readonly environment: readonly string[];
  /** What the child is cloned from: the session and the core-scheduling cookie of its VM. */
  readonly session: NativeSession;
  /** CLONE_NEW* bits, without CLONE_NEWNET. */
  readonly namespaces: bigint;
  /** From beginNetworkNamespace; -1: the launcher's network namespace. */
  readonly networkSocket: number;
  /** Directory fd of the v2 cgroup to start in; -1: the launcher's own. */
  readonly cgroupFd: number;
  /** Content of uid_map and gid_map: `INSIDE OUTSIDE COUNT`. */
  readonly userMap: string;
  readonly groupMap: string;
  /** Answers what the filter notifies; null for a filter without a listener. */
  readonly gate: NativeCallGate | null;
  /** Longest wait for exec, in ms. */
  readonly deadlineMs: number;
}

/** A process without a program that a VM's processes are cloned from; native/core/session.h says why. */
export interface NativeSession {
  /** Number of the session. */
  readonly id: number;
  /** Ends the process; what was cloned from it stays. Nothing can be cloned from it afterwards. */
  close(): void;
}

/** How a spawn ended. When `failed`, nothing of the child is left; otherwise `pid` runs and `pidfd` is the caller's to close. */
export interface SpawnResult {
  readonly failed: boolean;
  readonly pid: number;
  readonly pidfd: number;
  /** The launcher's own system call that failed; null when operation `operation` of the child did. */
  readonly call: string | null;
  readonly operation: number;
  /** errno; 0 when a call succeeded that was expected to fail. */
  readonly error: number;
  /** Signal that ended the child during `operation`; 0: none. */
  readonly killed: number;
}

/** How confining this process ended. When `failed`, some threads may be confined and others not: it must not go on. */
export interface ConfineResult {
  readonly failed: boolean;
  /** The call that failed; null when operation `operation` did. */
  readonly call: string | null;
  readonly operation: number;
  /** errno; 0 when a call succeeded that was expected to fail. */
  readonly error: number;
  readonly tid: number;
  /** How many threads were confined. */
  readonly threads: number;
}

/** Both null when the process was not our child, so that its status went elsewhere. */
export interface ExitStatus {
  readonly exitCode: number | null;
  readonly signal: number | null;
}

/** What a failed native call throws: the call and the kernel's answer. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
}

/** The addon. One named-options object per call; fds are plain numbers that the caller owns. */
export interface Addon extends ChannelCalls {
  /** Makes a session; throws SystemError. `coreCreate`: with a new core-scheduling cookie; `coreSharePid`: with that of a process (0: none). */
  Session: new (options: {
    coreCreate: boolean;
    coreSharePid: number;
  }) => NativeSession;
  /** Makes a gate without a process yet. */
  CallGate: new (
    options: CallGateOptions,
  ) => NativeCallGate;
  /** Starts to make a network namespace and returns the socket that it will come by, which the caller closes. */
  beginNetworkNamespace(): number;
  spawnConfined(request: SpawnRequest): Promise<SpawnResult>;
  /** Performs the operations in every thread of this process; the seccomp filter once, for all. For the main thread only. */
  confineSelf(options: { operations: readonly ChildOperation[] }): ConfineResult;
  waitExit(options: { pidfd: number; keepAlive: boolean }): Promise<ExitStatus>;
  /** How a process ended that is not our child, once it is reaped; null before. Throws SystemError before Linux 6.15. */
  exitStatus(options: { pidfd: number }): ExitStatus | null;
  openPidfd(options: { pid: number }): number;
  sendSignal(options: { pidfd: number; signal: number }): void;
  /** execve of this process; comes back by a SystemError only. */
  replaceProgram(options: ProgramReplacement): never;
  /** Whether two threads share their fd table, and their root, working directory and umask. */
  shareTables(options: { tid: number; otherTid: number }): { fds: boolean; paths: boolean };
  /**
   * The filters of every thread, the oldest first. All threads are stopped while they are read, for as long as the slowest
   * takes to stop; ETIMEDOUT after `deadlineMs`. `error` is the errno that the kernel answered instead of a filter, else 0.
   */
  readSeccompFilters(options: {
    pid: number;
    deadlineMs: number;
  }): readonly { readonly tid: number; readonly filters: readonly Buffer[]; readonly error: number }[];
  sameOpenFile(options: { pid: number; fd: number; otherFd: number }): boolean;
  /** `mode` counts only with O_CREAT; 0 otherwise. */
  openBeneath(options: { directoryFd: number; path: string; flags: bigint; mode: number; resolve: bigint }): number;
  /** `node`: path of the character device 10:200. */
  openTap(options: { name: string; node: string }): number;
  socketPair(): [number, number];
  /** A listening UNIX socket, SOCK_SEQPACKET or SOCK_STREAM, at a path of at most 107 bytes, which must not exist. */
  listenLocal(options: { path: string; packets: boolean }): number;
  /** A connection that waits at a listening socket, non-blocking; -1 when none does. */
  acceptLocal(options: { fd: number }): number;
  /** To a SOCK_SEQPACKET socket. Waits `timeoutMs` at most, to connect and later for each message: EAGAIN. */
  connectPackets(options: { path: string; timeoutMs: number }): number;
  /** Sends data, and an fd with it unless that is -1, as one message; never waits. */
  sendFd(options: { socketFd: number; data: string; fd: number }): number;
  /** One message of at most 256 bytes; `fd` is -1 where none came, `data` empty at the end of the connection. */
  receiveFd(options: { socketFd: number }): { data: string; fd: number };
  /** SO_PEERCRED: the uid that connected, as this process's user namespace shows it. */
  peerUid(options: { socketFd: number }): number;
  /** Both ends are non-blocking: a writer drops what the pipe does not take. */
  pipePair(): [number, number];
  /** A non-blocking datagram socket, connected to the one at `path`: at most 107 bytes, sun_path of unix(7). */
  connectDatagram(options: { path: string }): number;
  /** A non-blocking netlink socket on which the kernel's records of seccomp's kills arrive. */
  openAuditRecords(): number;
  /** A netlink socket for questions about the UNIX sockets of this network namespace. */
  openSocketDiag(): number;
  /** Bytes that wait unread in the UNIX stream socket of this inode, whoever holds it; `fd` is of openSocketDiag. ENOENT: nobody does. */
  unreadBytes(options: { fd: number; inode: number }): number;
  /** `shared`: beside others that share it. Default: alone. */
  tryLock(options: { fd: number; shared?: boolean }): boolean;
  /** The SELinux context of a file; with `follow`, of what a symbolic link leads to. ENODATA: it has none. */
  fileContext(options: { path: string; follow: boolean }): string;
  cloneTreeReadOnly(options: { path: string }): number;
  /** `context`: the SELinux context of all that it holds; empty: as the policy has it for a tmpfs. */
  makeTmpfs(options: { sizeBytes: number; context: string }): number;
  sealTmpfs(options: { fd: number }): void;
  makeNode(options: {
    directoryFd: number;
    name: string;
    major: number;
    minor: number;
    mode: number;
    user: number;
    group: number;
  }): void;
  makeLandlockRuleset(options: {
    handledFs: bigint;
    handledNet: bigint;
    scoped: bigint;
    rules: readonly { fd: number; access: bigint }[];
  }): number;
  kvmVersion(): number;
  landlockAbi(): number;
  coreCookie(options: { pid: number }): bigint;
  /** Serial number of the caller's session keyring; 0n when it has none. */
  sessionKeyring(): bigint;
}

/** From dist/src/kernel/ to where node-gyp builds. */
const ADDON_PATH = "../../../native/build/Release/bulkhead.node";

function loadAddon(): Addon {
  try {
    return createRequire(import.meta.url)(ADDON_PATH) as Addon;
  } catch (cause) {
    throw new HostError({
      code: "addon-missing",
      tried: "Cannot load the native addon",
      subject: "native/build/Release/bulkhead.node",
      answer: cause instanceof Error ? cause.message.split("\n")[0] : String(cause),
      remedy: "Run: npm run setup",
      cause,
    });
  }
}

let loaded: Addon | undefined;

/** Loads on first use, so that rooms which only name types and constants of others load nothing native. */
export const addon: Addon = new Proxy({} as Addon, {
  get(_target, name) {
    loaded ??= loadAddon();
    return loaded[name as keyof Addon];
  },
});

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "errno" in error && "code" in error && "syscall" in error;
}

/** `EACCES` from a failed call of the addon or of node:fs, the message of anything else. */
export function answerOf(error: unknown): string {
  if (!isSystemError(error)) return error instanceof Error ? error.message : String(error);
  return `${error.syscall}: ${error.code}`;
}
