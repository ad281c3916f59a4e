import { readFileContext } from "../../kernel/index.js";
import { type ObservedFd, observeFd } from "../open_fd.js";
import type { ProcessDirectory } from "../process_directory.js";
import { attempt, type Patience, type Reading } from "./reading.js";

/** One open fd of a process that nobody trusts. */
export interface LiveFd extends ObservedFd {
  /** Interface name of a tap's or tun's queue; null for anything else, and for one that is attached to none. */
  readonly interface: string | null;
  /** What tells one eventfd from another, whose inode all share; null for anything else. Linux 5.2. */
  readonly eventfdId: number | null;
  /** 0: its object has no name in a file system any more. */
  readonly links: number;
  readonly mode: number;
  readonly uid: number;
  /** SELinux context of its object; null: it has none, as on a host without SELinux. */
  readonly label: Reading<string | null>;
}

export interface LiveFds {
  /** By number. */
  readonly list: readonly LiveFd[];
  /** Fds that are there and were not read, and why; null: all were. */
  readonly unread: string | null;
}

/** Fds of one process that are read: as many as RLIMIT_NOFILE commonly lets it have at most, INR_OPEN_MAX of include/uapi/linux/fs.h. */
const FDS_MAX = 4096;

/** Reads the open fds. `labels`: whether the kernel keeps labels; without, reading one could ask a file system's server. */
export function observeLiveFds(directory: ProcessDirectory, patience: Patience, labels: boolean): Reading<LiveFds> {
  return attempt(() => readFds(directory, patience, labels));
}

function readFds(directory: ProcessDirectory, patience: Patience, labels: boolean): LiveFds {
  const { names, whole } = directory.listStart("fd", FDS_MAX);
  const list: LiveFd[] = [];
  for (const name of names) {
    if (patience.isOver) return { list: sorted(list), unread: `${list.length} were read within ${patience.limitMs} ms` };
    const fd = readFd(directory, name, labels);
    if (fd !== null) list.push(fd);
  }
  return { list: sorted(list), unread: whole ? null : `it has more than ${FDS_MAX} open fds` };
}

function readFd(directory: ProcessDirectory, name: string, labels: boolean): LiveFd | null {
  const read = observeFd(directory, name);
  if (read === null) return null;
  const { fd, facts, fdinfo } = read;
  const eventfd = fd.kind === "eventfd" ? /^eventfd-id:\s+(\d+)$/m.exec(fdinfo)?.[1] : undefined;
  return {
    ...fd,
    interface: fd.kind === "tap" ? (/^iff:\t(.+)$/m.exec(fdinfo)?.[1] ?? null) : null,
    eventfdId: eventfd === undefined ? null : Number(eventfd),
    links: facts.links,
    mode: facts.mode,
    uid: facts.uid,
    label: attempt(() => (labels ? labelOf(directory.pid, name) : null)),
  };
}

function labelOf(pid: number, name: string): string | null {
  try {
    return readFileContext(`/proc/${pid}/fd/${name}`, "follow");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENODATA" || (error as NodeJS.ErrnoException).code === "EOPNOTSUPP")
      return null;
    throw error;
  }
}

function sorted(fds: LiveFd[]): LiveFd[] {
  return fds.sort((a, b) => a.fd - b.fd);
}
