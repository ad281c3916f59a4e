import { isGone, type ProcessDirectory } from "../process_directory.js";
import { findApart, isExiting, observeThreadStatus, readContext, type ThreadPart, type ThreadStatus } from "../thread.js";
import { attempt, type Patience, type Reading } from "./reading.js";

/** One thread of a process that nobody trusts. */
export interface LiveThread extends ThreadStatus {
  /** As it named itself; any bytes. */
  readonly name: string;
  /** What the kernel keeps for this thread alone, although the process has it. */
  readonly apart: Reading<readonly ThreadPart[]>;
  /** Its SELinux context; null where the kernel shows none. */
  readonly selinuxContext: Reading<string | null>;
}

export interface LiveThreads {
  /** By thread id. */
  readonly list: readonly LiveThread[];
  /** Threads that are there and were not read, and why; null: all were. */
  readonly unread: string | null;
}

/** Threads of one process that are read. systemd's default for a unit is a few thousand; QEMU has some ten. */
const THREADS_MAX = 4096;

function readThreads(directory: ProcessDirectory, patience: Patience): LiveThreads {
  const { names, whole } = directory.listStart("task", THREADS_MAX);
  const list: LiveThread[] = [];
  for (const name of names) {
    if (patience.isOver) return { list: sorted(list), unread: `${list.length} were read within ${patience.limitMs} ms` };
    const thread = readThread(directory, Number(name));
    if (thread !== null) list.push(thread);
  }
  return { list: sorted(list), unread: whole ? null : `it has more than ${THREADS_MAX} threads` };
}

function readThread(directory: ProcessDirectory, tid: number): LiveThread | null {
  try {
    const status = observeThreadStatus(directory, tid);
    const thread = {
      ...status,
      name: directory.read(`task/${tid}/comm`).replace(/\n$/, ""),
      apart: attempt(() => (tid === directory.pid ? [] : findApart(directory, tid))),
      selinuxContext: attempt(() => readContext(directory, tid)),
    };
    // Last: one on its way out has given up piece by piece what was read of it.
    return isExiting(directory, tid) ? null : thread;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function sorted(threads: LiveThread[]): LiveThread[] {
  return threads.sort((a, b) => a.tid - b.tid);
}

/** Reads the status of each thread, and what it keeps apart; a thread that ends meanwhile is left out. */
export function observeLiveThreads(directory: ProcessDirectory, patience: Patience): LiveThreads {
  const threads = attempt(() => readThreads(directory, patience));
  return threads.known ? threads.value : { list: [], unread: threads.why };
}
