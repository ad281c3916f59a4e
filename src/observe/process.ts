import { readCookie } from "./core_cookie.js";
import { type ObservedLimit, parseLimits } from "./limits.js";
import { type ObservedMount, parseMountinfo } from "./mount.js";
import { NAMESPACE_FILES, type NamespaceKind } from "./namespaces.js";
import { type ObservedFd, observeFds } from "./open_fd.js";
import { isGone, ProcessDirectory } from "./process_directory.js";
import { type ObservedThread, observeThread } from "./thread.js";

/** Everything that /proc and the kernel show of one live process. */
export interface ObservedProcess {
  readonly pid: number;
  /** As the process was last named; any bytes. */
  readonly command: string;
  readonly threads: readonly ObservedThread[];
  /** `pid:[4026532]` by kind. */
  readonly namespaces: Readonly<Record<NamespaceKind, string>>;
  readonly fds: readonly ObservedFd[];
  readonly mounts: readonly ObservedMount[];
  readonly limits: Readonly<Record<string, ObservedLimit>>;
  /** Path of its v2 cgroup, from the hierarchy's root as the caller sees it; null without one. */
  readonly cgroup: string | null;
  readonly cwd: string;
  /** Session id and controlling terminal (0: none) as the caller's /proc shows them: proc_pid_stat(5). */
  readonly processGroup: number;
  readonly session: number;
  readonly terminal: number;
  readonly dumpable: boolean;
  /** null where the kernel has no core scheduling. */
  readonly coreCookie: bigint | null;
}

/** The kernel hands the files of an undumpable process to root instead of to its uid: task_dump_owner() in fs/proc/base.c. */
function isDumpable(directory: ProcessDirectory, threads: readonly ObservedThread[]): boolean {
  const euid = threads[0]?.uids[1];
  return directory.stat("status").uid === euid;
}

function readNamespaces(directory: ProcessDirectory): Record<NamespaceKind, string> {
  const entries = Object.entries(NAMESPACE_FILES).map(([kind, file]) => [kind, directory.link(`ns/${file}`)]);
  return Object.fromEntries(entries) as Record<NamespaceKind, string>;
}

/** The caller's own namespaces: what a confined process must not share. Nothing else is read: a domain may not see all fds of its own. */
export function observeOwnNamespaces(): Readonly<Record<NamespaceKind, string>> {
  const directory = new ProcessDirectory(process.pid);
  try {
    return readNamespaces(directory);
  } finally {
    directory.close();
  }
}

/** Reads a process; null when it ended meanwhile. Needs CAP_SYS_PTRACE over it. */
export function observeProcess(pid: number): ObservedProcess | null {
  let directory: ProcessDirectory | undefined;
  try {
    directory = new ProcessDirectory(pid);
    return readProcess(directory);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  } finally {
    directory?.close();
  }
}

function readProcess(directory: ProcessDirectory): ObservedProcess {
  const threads = observeThreads(directory);
  return {
    pid: directory.pid,
    command: directory.read("comm").trimEnd(),
    threads,
    namespaces: readNamespaces(directory),
    fds: observeFds(directory),
    mounts: parseMountinfo(directory.read("mountinfo")),
    limits: parseLimits(directory.read("limits")),
    cgroup: /^0::(.*)$/m.exec(directory.read("cgroup"))?.[1] ?? null,
    cwd: directory.link("cwd"),
    ...readSession(directory),
    dumpable: isDumpable(directory, threads),
    coreCookie: readCookie(directory.pid),
  };
}

function observeThreads(directory: ProcessDirectory): ObservedThread[] {
  const threads: ObservedThread[] = [];
  for (const tid of directory.list("task")) {
    try {
      const thread = observeThread(directory, Number(tid));
      if (thread !== null) threads.push(thread);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return threads.sort((a, b) => a.tid - b.tid);
}

/** Fields 5 to 7 of /proc/PID/stat, behind the command name, which may itself hold spaces and brackets. */
function readSession(directory: ProcessDirectory): Pick<ObservedProcess, "processGroup" | "session" | "terminal"> {
  const stat = directory.read("stat");
  const [, , processGroup, session, terminal] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  return { processGroup: processGroup ?? 0, session: session ?? 0, terminal: terminal ?? 0 };
}
