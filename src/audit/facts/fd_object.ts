import type { LiveFd, LiveSocket } from "../../observe/index.js";
import type { ProcessFacts } from "./process_facts.js";

/** One fd in words. All may hold what the process chose. */
export interface FdObject {
  readonly fd: number;
  /** `unix-stream`, `memfd`, `tap`, `eventfd`. */
  readonly kind: string;
  readonly access: LiveFd["access"];
  /** Path, address, interface, or what tells it from others of its kind. */
  readonly object: string;
  /** SELinux label of the object; null: it has none. `unknown: ...` where it could not be read. */
  readonly label: string | null;
  /** Who has the other end; null for what has none. */
  readonly peer: string | null;
}

/** Inode of a socket's link: `socket:[4711]`. */
export function socketInode({ kind, link }: LiveFd): number | null {
  const digits = kind === "socket" ? /^socket:\[(\d+)\]$/.exec(link)?.[1] : undefined;
  return digits === undefined ? null : Number(digits);
}

/** The socket behind an fd; null for anything else, and for one that no table lists. */
export function socketOf(fd: LiveFd, { findSocket }: Pick<ProcessFacts, "findSocket">): LiveSocket | null {
  const inode = socketInode(fd);
  return inode === null ? null : findSocket(inode);
}

export function describeFd(fd: LiveFd, facts: ProcessFacts): FdObject {
  const socket = socketOf(fd, facts);
  return {
    fd: fd.fd,
    kind: socket?.protocol ?? fd.kind,
    access: fd.access,
    object: socket === null ? objectOf(fd) : `${fd.link}${describeAddress(socket)}`,
    label: fd.label.known ? fd.label.value : `unknown: ${fd.label.why}`,
    peer: peerOf(fd, socket, facts),
  };
}

function objectOf(fd: LiveFd): string {
  if (fd.interface !== null) return `${fd.link}, interface ${fd.interface}`;
  return fd.eventfdId === null ? fd.link : `${fd.link}, id ${fd.eventfdId}`;
}

function describeAddress({ state, local, remote }: LiveSocket): string {
  const address = local === "" ? "" : ` ${local}`;
  if (state === "listening") return `${address}, listening`;
  return remote === "" ? address : `${address} to ${remote}`;
}

function peerOf(fd: LiveFd, socket: LiveSocket | null, facts: ProcessFacts): string | null {
  if (fd.kind !== "socket") return null;
  if (socket === null) return "unknown: no table of sockets lists it";
  if (socket.peerInode === null) return socket.remote === "" ? null : socket.remote;
  return nameHolders(socket.peerInode, facts);
}

/** Who holds a socket: `process 4711 (qemu), process 12 (bulkhead)`. */
export function nameHolders(inode: number, { holders }: Pick<ProcessFacts, "holders">): string {
  const found = holders.byInode.get(inode) ?? [];
  if (found.length > 0) return found.map(({ pid, command }) => `process ${pid} (${command})`).join(", ");
  return holders.unread === null ? "nobody: it is on its way to somebody, or the kernel's" : `unknown: ${holders.unread}`;
}
