import { addon } from "../kernel/index.js";
import { readCookie } from "./core_cookie.js";
import { NAMESPACE_FILES, type NamespaceKind } from "./namespaces.js";
import { isGone, ProcessDirectory } from "./process_directory.js";

/** The five capability sets as 16 hex digits each, as the kernel prints them. */
export interface CapabilitySets {
  readonly inheritable: string;
  readonly permitted: string;
  readonly effective: string;
  readonly bounding: string;
  readonly ambient: string;
}

/** What /proc/PID/task/TID/status tells of one thread: proc_pid_status(5). */
export interface ThreadStatus {
  readonly tid: number;
  /** Real, effective, saved, file system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  readonly umask: string;
  readonly noNewPrivs: boolean;
  /** 0: none, 2: filter. */
  readonly seccompMode: number;
  readonly seccompFilters: number;
  readonly capabilities: CapabilitySets;
}

export interface ObservedThread extends ThreadStatus {
  /** What the kernel keeps for this thread alone, although the process has it: what is read of the process does not hold for it. */
  readonly apart: readonly ThreadPart[];
  /** Its SELinux context; null where the kernel shows none, or one of another security module. */
  readonly selinuxContext: string | null;
}

/** Things that a thread normally shares with its process. */
export type ThreadPart = "fds" | "paths" | "cgroup" | "core cookie" | `${NamespaceKind} namespace`;

function parseStatus(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

function numbers(text: string): number[] {
  return text === "" ? [] : text.split(/\s+/).map(Number);
}

/** Reads one thread, and what it keeps apart from its process; null when it is on its way out. */
export function observeThread(directory: ProcessDirectory, tid: number): ObservedThread | null {
  try {
    const thread = readThread(directory, tid);
    // Last: the flag is set before anything is given up, so that what was read before it is clear is of a living thread.
    return isExiting(directory, tid) ? null : thread;
  } catch (error) {
    // One without memory of its own any more is closed to readers: EACCES.
    if (isExiting(directory, tid)) return null;
    throw error;
  }
}

function readThread(directory: ProcessDirectory, tid: number): ObservedThread {
  return {
    ...observeThreadStatus(directory, tid),
    apart: tid === directory.pid ? [] : findApart(directory, tid),
    selinuxContext: readContext(directory, tid),
  };
}

/** Other security modules write one word here; a kernel without any answers EINVAL: proc_pid_attr_read(), fs/proc/base.c. */
function readContext(directory: ProcessDirectory, tid: number): string | null {
  try {
    const text = directory.read(`task/${tid}/attr/current`).replace(/[\0\n]+$/, "");
    return text.includes(":") ? text : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EINVAL" || (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** What a launcher's threads show of its confinement. */
export type LauncherThread = ThreadStatus & Pick<ObservedThread, "selinuxContext">;

/** Every thread of a launcher, by any user; empty when it ended. */
export function observeLauncherThreads(pid: number): LauncherThread[] {
  let directory: ProcessDirectory | undefined;
  try {
    const opened = new ProcessDirectory(pid);
    directory = opened;
    return opened.list("task").map((tid) => ({
      ...observeThreadStatus(opened, Number(tid)),
      selinuxContext: readContext(opened, Number(tid)),
    }));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  } finally {
    directory?.close();
  }
}

/** A field that the kernel does not print reads as empty or 0, and so never as confined. */
function observeThreadStatus(directory: ProcessDirectory, tid: number): ThreadStatus {
  const fields = parseStatus(directory.read(`task/${tid}/status`));
  const field = (name: string): string => fields.get(name) ?? "";
  return {
    tid,
    uids: numbers(field("Uid")),
    gids: numbers(field("Gid")),
    groups: numbers(field("Groups")),
    umask: field("Umask"),
    noNewPrivs: field("NoNewPrivs") === "1",
    seccompMode: Number(field("Seccomp")),
    seccompFilters: Number(field("Seccomp_filters")),
    capabilities: {
      inheritable: field("CapInh"),
      permitted: field("CapPrm"),
      effective: field("CapEff"),
      bounding: field("CapBnd"),
      ambient: field("CapAmb"),
    },
  };
}

/** PF_EXITING and PF_USER_WORKER: include/linux/sched.h; the second from Linux 6.4. */
const EXITING_FLAG = 0x4;
const USER_WORKER_FLAG = 0x4000;
/** Field 9 of proc_pid_stat(5), counted after the command name. */
const FLAGS_AFTER_NAME = 9 - 3;

/** Whether a thread is on its way out: it runs no more code of its program, and gives up what it shares piece by piece. */
function isExiting(directory: ProcessDirectory, tid: number): boolean {
  return (readFlags(directory, tid) & EXITING_FLAG) !== 0;
}

/**
 * A thread that the kernel runs for a process, as KVM's kvm-nx-lpage-recovery since 6.13: it has no fd table and never returns
 * to user space. Only the kernel sets the flag.
 */
function isKernelWorker(directory: ProcessDirectory, tid: number): boolean {
  const worker = (readFlags(directory, tid) & USER_WORKER_FLAG) !== 0;
  return worker && directory.list(`task/${tid}/fd`).length === 0;
}

function readFlags(directory: ProcessDirectory, tid: number): number {
  const stat = directory.read(`task/${tid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[FLAGS_AFTER_NAME]);
}

/** Compares a thread with its process: any thread may unshare what it likes, and /proc/PID shows the first one's. */
function findApart(directory: ProcessDirectory, tid: number): ThreadPart[] {
  const shared = addon.shareTables({ tid: directory.pid, otherTid: tid });
  const apart: ThreadPart[] = [];
  if (!shared.fds && !isKernelWorker(directory, tid)) apart.push("fds");
  if (!shared.paths) apart.push("paths");
  for (const [kind, file] of Object.entries(NAMESPACE_FILES) as [NamespaceKind, string][]) {
    if (directory.link(`task/${tid}/ns/${file}`) !== directory.link(`ns/${file}`)) apart.push(`${kind} namespace`);
  }
  if (directory.read(`task/${tid}/cgroup`) !== directory.read("cgroup")) apart.push("cgroup");
  if (readCookie(tid) !== readCookie(directory.pid)) apart.push("core cookie");
  return apart;
}
