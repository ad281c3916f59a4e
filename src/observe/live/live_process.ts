import { type ObservedLimit, parseLimits } from "../limits.js";
import { type ObservedMount, parseMountinfo } from "../mount.js";
import { NAMESPACE_FILES, type NamespaceKind } from "../namespaces.js";
import { isGone, ProcessDirectory } from "../process_directory.js";
import { type CgroupMounts, type LiveCgroups, observeCgroups } from "./cgroup_limits.js";
import { type LiveEnvironment, observeEnvironment } from "./environment.js";
import { type LiveFds, observeLiveFds } from "./live_fds.js";
import { type LiveThreadFilters, observeLiveFilters } from "./live_filters.js";
import { type LiveThread, type LiveThreads, observeLiveThreads } from "./live_threads.js";
import { type LiveMemory, observeMemory } from "./memory.js";
import { type LiveCommandLine, type LiveProgram, observeCommandLine, observeProgram } from "./program.js";
import { attempt, Patience, type Reading, unknown } from "./reading.js";
import type { SocketTable, SocketTables } from "./socket_table.js";

/** All that /proc and the kernel show of one process that nobody trusts, each fact with its own answer. */
export interface LiveProcess {
  readonly pid: number;
  readonly parent: number;
  /** As it named itself; any bytes. */
  readonly command: string;
  /** By its letter: proc_pid_stat(5). */
  readonly state: string;
  /** It runs in the kernel alone and has no memory of its own. */
  readonly isKernelThread: boolean;
  /** Device number of its controlling terminal; 0: none. */
  readonly terminal: number;
  readonly commandLine: Reading<LiveCommandLine>;
  readonly program: Reading<LiveProgram>;
  readonly threads: LiveThreads;
  readonly filters: Reading<readonly LiveThreadFilters[]>;
  readonly namespaces: Reading<Readonly<Record<NamespaceKind, string>>>;
  /** Whether uid 0 of its user namespace is uid 0 here. */
  readonly rootIsRoot: Reading<boolean>;
  readonly fds: Reading<LiveFds>;
  /** Sockets of its network namespace. */
  readonly sockets: SocketTable;
  readonly mounts: Reading<readonly ObservedMount[]>;
  readonly limits: Reading<Readonly<Record<string, ObservedLimit>>>;
  readonly cgroups: Reading<LiveCgroups>;
  readonly memory: Reading<LiveMemory>;
  readonly environment: Reading<LiveEnvironment>;
  /** Whether processes of its uid may read its memory. */
  readonly dumpable: Reading<boolean>;
  /** By any security module: attr/current; null where none labels processes. */
  readonly label: Reading<string | null>;
}

export interface LiveOptions {
  /** Whether threads may be stopped for a moment, to read their filters. */
  readonly ptrace: boolean;
  /** Whether the kernel keeps SELinux labels of files. */
  readonly labels: boolean;
  readonly tables: SocketTables;
  readonly cgroupMounts: CgroupMounts;
}

/** Longest that one process's threads, and its fds, are read, in ms each. A thousand of either take some 50. */
const PATIENCE_MS = 1000;
/** Of mountinfo; a host with many containers has a few thousand mounts of 200 characters. */
const MOUNTS_BYTES_MAX = 8 * 1024 * 1024;
/** PF_KTHREAD: include/linux/sched.h. */
const KERNEL_THREAD_FLAG = 0x200000;

/**
 * Reads a process, whoever's it is, and changes nothing; null when there is none, or when it ended meanwhile. Every part is bounded
 * in size and time. Without CAP_SYS_PTRACE over it most facts are unknown.
 */
export function observeLiveProcess(pid: number, options: LiveOptions): LiveProcess | null {
  let directory: ProcessDirectory | undefined;
  try {
    directory = new ProcessDirectory(pid);
    const process = readProcess(directory, options);
    // What was read of one that is gone by now is pieces of a process and of nothing.
    return process.state === "Z" || !isRunning(directory) ? null : process;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  } finally {
    directory?.close();
  }
}

function readProcess(directory: ProcessDirectory, { ptrace, labels, tables, cgroupMounts }: LiveOptions): LiveProcess {
  const stat = readStat(directory);
  const threads = observeLiveThreads(directory, new Patience(PATIENCE_MS));
  const namespaces = attempt(() => readNamespaces(directory));
  const idMap = attempt(() => rootIsRoot(directory));
  const none = unknown("a kernel thread has none");
  return {
    pid: directory.pid,
    command: directory.read("comm").replace(/\n$/, ""),
    ...stat,
    commandLine: observeCommandLine(directory),
    program: stat.isKernelThread ? none : observeProgram(directory),
    threads,
    filters: stat.isKernelThread ? none : observeLiveFilters(directory.pid, ptrace),
    namespaces,
    rootIsRoot: idMap,
    fds: observeLiveFds(directory, new Patience(PATIENCE_MS), labels),
    sockets: tables.of(directory),
    mounts: attempt(() => readMounts(directory)),
    limits: attempt(() => parseLimits(directory.read("limits"))),
    cgroups: observeCgroups(directory, cgroupMounts),
    memory: observeMemory(directory),
    environment: observeEnvironment(directory),
    dumpable: readDumpable(directory, threads.list, idMap),
    label: attempt(() => readLabel(directory)),
  };
}

function isRunning(directory: ProcessDirectory): boolean {
  return directory.exists && readStat(directory).state !== "Z";
}

/** Behind the command name, which may itself hold spaces and brackets: state, parent, ..., terminal (7), ..., flags (9). */
function readStat(directory: ProcessDirectory): Pick<LiveProcess, "state" | "parent" | "terminal" | "isKernelThread"> {
  const stat = directory.read("stat");
  const [state = "", parent, , , terminal, , flags] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isKernelThread = (Number(flags) & KERNEL_THREAD_FLAG) !== 0;
  return { state, parent: Number(parent), terminal: Number(terminal), isKernelThread };
}

function readNamespaces(directory: ProcessDirectory): Record<NamespaceKind, string> {
  const entries = Object.entries(NAMESPACE_FILES).map(([kind, file]) => [kind, directory.link(`ns/${file}`)]);
  return Object.fromEntries(entries) as Record<NamespaceKind, string>;
}

/** user_namespaces(7): lines of `inside outside count`. */
function rootIsRoot(directory: ProcessDirectory): boolean {
  return /^\s*0\s+0\s/m.test(directory.read("uid_map"));
}

function readMounts(directory: ProcessDirectory): ObservedMount[] {
  const { bytes, whole } = directory.readStart("mountinfo", MOUNTS_BYTES_MAX);
  if (!whole) throw new Error(`mountinfo has more than ${MOUNTS_BYTES_MAX} bytes`);
  return parseMountinfo(bytes.toString("utf8"));
}

/** The kernel hands the files of an undumpable process to root instead of to its uid: task_dump_owner() in fs/proc/base.c. */
function readDumpable(directory: ProcessDirectory, threads: readonly LiveThread[], idMap: Reading<boolean>): Reading<boolean> {
  const euid = threads.find(({ tid }) => tid === directory.pid)?.uids[1];
  const owner = attempt(() => directory.stat("status").uid);
  if (!owner.known) return owner;
  if (owner.value !== euid) return { known: true, value: false };
  // Its namespace's root owns what is undumpable: where that is its own uid, both look the same.
  const ownRoot = attempt(() => Number(/^\s*0\s+(\d+)\s/m.exec(directory.read("uid_map"))?.[1] ?? 0));
  const same = !idMap.known || !ownRoot.known || ownRoot.value === euid;
  return same
    ? unknown("its files in /proc belong to its uid either way, for it is its namespace's root")
    : { known: true, value: true };
}

/** Of a kernel without a module that labels processes EINVAL: proc_pid_attr_read(), fs/proc/base.c. */
function readLabel(directory: ProcessDirectory): string | null {
  try {
    const text = directory.read("attr/current").replace(/[\0\n]+$/, "");
    return text === "" ? null : text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EINVAL") return null;
    throw error;
  }
}
