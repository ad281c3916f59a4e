import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { listPids } from "../find_processes.js";
import { Patience } from "./reading.js";

/** A process that holds a socket. */
export interface Holder {
  readonly pid: number;
  /** Any bytes. */
  readonly command: string;
}

export interface SocketHolders {
  readonly byInode: ReadonlyMap<number, readonly Holder[]>;
  /** Why some holders may be missing; null: all processes were read. */
  readonly unread: string | null;
}

/** Longest that the fds of all processes are looked through, in ms. A few hundred processes take some 50. */
const SEARCH_LIMIT_MS = 400;

/** Who holds which socket, of all processes that this /proc shows. */
export function findSocketHolders(): SocketHolders {
  const byInode = new Map<number, Holder[]>();
  const patience = new Patience(SEARCH_LIMIT_MS);
  let closed = 0;
  for (const pid of listPids()) {
    const inodes = socketsOf(pid, patience);
    if (inodes === null) closed += 1;
    const command = inodes === null || inodes.size === 0 ? "" : commandOf(pid);
    for (const inode of inodes ?? []) byInode.set(inode, [...(byInode.get(inode) ?? []), { pid, command }]);
    if (patience.isOver) return { byInode, unread: `not all processes were read within ${SEARCH_LIMIT_MS} ms` };
  }
  return { byInode, unread: closed === 0 ? null : `the fds of ${closed} processes are closed to this user` };
}

/** Null: closed to the caller. */
function socketsOf(pid: number, patience: Patience): Set<number> | null {
  const inodes = new Set<number>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = socketInode(`/proc/${pid}/fd/${fd}`);
      if (inode !== null) inodes.add(inode);
      if (patience.isOver) break;
    }
    return inodes;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? null : inodes;
  }
}

function socketInode(path: string): number | null {
  try {
    const digits = /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return digits === undefined ? null : Number(digits);
  } catch {
    return null; // Closed meanwhile.
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").replace(/\n$/, "");
  } catch {
    return "";
  }
}
