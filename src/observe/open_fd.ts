import type { FileFacts } from "../kernel/index.js";
import { isGone, type ProcessDirectory } from "./process_directory.js";

/** One open fd of a process. */
export interface ObservedFd {
  readonly fd: number;
  /** What the link says: `socket:[123]`, `anon_inode:[eventfd]`, a path. May hold any byte but NUL; quote before printing. */
  readonly link: string;
  readonly kind: string;
  /** `r`, `w` or `rw`, from the open file's flags; `path` for O_PATH. */
  readonly access: "r" | "w" | "rw" | "path";
  /** `dev:ino` of the object. */
  readonly inode: string;
}

/** O_ACCMODE and O_PATH: include/uapi/asm-generic/fcntl.h. */
const O_ACCMODE = 0o3;
const O_PATH = 0o10000000;
const ACCESS = ["r", "w", "rw"] as const;

/** File types in st_mode: inode(7). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFBLK = 0o060000;
const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;

/** Names of anonymous inodes as the kernel spells them, without brackets, to the names that policies use. */
const ANONYMOUS: Readonly<Record<string, string>> = { eventpoll: "epoll", io_uring: "io-uring" };

/** Character devices that policies and manifests name: Documentation/admin-guide/devices.txt. */
const DEVICES: Readonly<Record<string, string>> = {
  "1:3": "null",
  "1:5": "zero",
  "1:9": "urandom",
  "10:232": "kvm",
  "10:200": "tap",
};

/** Classifies by what the kernel says the object is, not by its name in the file system. */
function kindOf(link: string, { mode, nodeMajor, nodeMinor }: FileFacts): string {
  const anonymous = /^anon_inode:\[?([a-z0-9_-]+)(?::[^\]]*)?\]?$/.exec(link)?.[1];
  if (anonymous !== undefined) return ANONYMOUS[anonymous] ?? anonymous;
  if (link.startsWith("socket:[")) return "socket";
  if (link.startsWith("pipe:[")) return "pipe";
  if (link.startsWith("/memfd:")) return "memfd";
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFBLK:
      return "block";
    case S_IFDIR:
      return "directory";
    case S_IFCHR: {
      const number = `${nodeMajor}:${nodeMinor}`;
      return DEVICES[number] ?? `char-${number}`;
    }
    default:
      return "unknown";
  }
}

function accessOf(fdinfo: string): ObservedFd["access"] {
  const flags = Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(fdinfo)?.[1] ?? "0", 8);
  if ((flags & O_PATH) !== 0) return "path";
  return ACCESS[flags & O_ACCMODE] ?? "rw";
}

/** All open fds, in order. One that closes while it is read is left out. */
export function observeFds(directory: ProcessDirectory): ObservedFd[] {
  const fds: ObservedFd[] = [];
  for (const name of directory.list("fd")) {
    const fd = observeFd(directory, name);
    if (fd !== null) fds.push(fd.fd);
  }
  return fds.sort((a, b) => a.fd - b.fd);
}

/** First bytes of a file of fdinfo: flags and mnt_id stand first; an epoll lists after them all that it waits for. */
const FDINFO_BYTES_MAX = 4096;

/** One open fd and what its fdinfo begins with, proc_pid_fdinfo(5); null when it closes meanwhile. */
export function observeFd(
  directory: ProcessDirectory,
  name: string,
): { readonly fd: ObservedFd; readonly facts: FileFacts; readonly fdinfo: string } | null {
  try {
    const link = directory.link(`fd/${name}`);
    const facts = directory.describe(`fd/${name}`);
    const fdinfo = directory.readStart(`fdinfo/${name}`, FDINFO_BYTES_MAX).bytes.toString("latin1");
    const fd = {
      fd: Number(name),
      link,
      kind: kindOf(link, facts),
      access: accessOf(fdinfo),
      inode: `${facts.device}:${facts.inode}`,
    };
    return { fd, facts, fdinfo };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
