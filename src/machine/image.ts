import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, relative, resolve } from "node:path";
import { SpecError } from "../errors/index.js";
import { addon, answerOf } from "../kernel/index.js";
import type { ImageFacts } from "../plan/index.js";
import type { HostConfig, SpecSource } from "../spec/index.js";

/** A tenant's file, opened once and checked by its fd. */
export interface OpenedFile {
  readonly fd: number;
  readonly sizeBytes: number;
  /** `dev:ino` of what was opened. */
  readonly inode: string;
  /** The same for all ways to one object: `dev:ino` of a file, `block MAJOR:MINOR` of a device, which may have many nodes. */
  readonly identity: string;
  readonly facts: ImageFacts;
}

export interface FileRequest {
  readonly path: string;
  /** `append`: a log, made when absent. `fifo`: a FIFO that exists, both ways, so that no opening waits for a peer. */
  readonly access: "r" | "rw" | "append" | "fifo";
  /** For `append`: a log that is absent is not made, and its absence is the answer. */
  readonly onlyIfPresent?: boolean;
  /** Where the VM file names it, for messages. */
  readonly position: () => string;
}

/** O_PATH: include/uapi/asm-generic/fcntl.h. RESOLVE_*: include/uapi/linux/openat2.h. */
const O_PATH = 0o10000000n;
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_NO_SYMLINKS = 0x04n;
const RESOLVE_BENEATH = 0x08n;

/**
 * Directories that files of a VM must lie beneath; null when none is known: whatever directory a command was started in
 * says nothing about the files that whoever wrote its standard input may use.
 */
export function imageRootsOf(
  spec: { readonly source: Pick<SpecSource, "file" | "directory"> },
  host: HostConfig,
): readonly string[] | null {
  return host.imageRoots ?? (spec.source.file === "-" ? null : [spec.source.directory]);
}

/**
 * Opens a file that a VM file names: beneath an image root, without following links of any kind, a regular file with one
 * name or a block device, owned by root or by the owner of the image root. Throws SpecError "image-*", and
 * "stdin-needs-image-roots" without any root.
 */
export function openTenantFile(request: FileRequest, directory: string, roots: readonly string[] | null): OpenedFile {
  if (roots === null) {
    throw refusal(
      request,
      "stdin-needs-image-roots",
      "a VM file on standard input has no directory whose files it may use",
      "Name imageRoots in the host file, or give the VM file by its name.",
    );
  }
  const path = resolve(directory, request.path);
  const root = roots.find((candidate) => isBeneath(candidate, path));
  if (root === undefined) {
    throw refusal(
      request,
      "image-outside-roots",
      `it is not beneath an image root (${roots.join(", ")})`,
      "Move it there, or add its directory to imageRoots in the host file.",
    );
  }
  const { pathFd, rootOwner } = openPath(request, root, path);
  try {
    const facts = judgeFile(request, pathFd, rootOwner);
    const fd = reopen(request, pathFd);
    const inode = `${facts.dev}:${facts.ino}`;
    return {
      fd,
      sizeBytes: facts.size,
      inode,
      identity: facts.isBlockDevice() ? `block ${deviceNumber(facts.rdev)}` : inode,
      facts: {
        kind: facts.isBlockDevice() ? "block" : "file",
        sizeBytes: facts.size,
        path,
        blockDevice: blockDeviceOf(facts),
      },
    };
  } finally {
    closeSync(pathFd);
  }
}

function isBeneath(root: string, path: string): boolean {
  const rest = relative(root, path);
  return rest !== "" && rest !== ".." && !rest.startsWith("../") && !isAbsolute(rest);
}

/** O_PATH first: opening a FIFO or a device for real would already act on it. */
function openPath(request: FileRequest, root: string, path: string): { pathFd: number; rootOwner: number } {
  const rootFd = openRoot(request, root);
  try {
    const resolveFlags = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const place = { directoryFd: rootFd, path: relative(root, path), resolve: resolveFlags };
    if (request.access === "append" && request.onlyIfPresent !== true) createIfAbsent(place);
    return { pathFd: addon.openBeneath({ ...place, flags: O_PATH, mode: 0 }), rootOwner: fstatSync(rootFd).uid };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ELOOP")
      throw refusal(request, "image-link", "it is, or lies behind, a symbolic link (ELOOP)", "Name the file itself.");
    const remedy =
      code === "ENOENT"
        ? `Check the name; ${basename(dirname(path))}/ is looked into as it is.`
        : "Check the path and its permissions.";
    throw refusal(request, "image-unreadable", answerOf(cause), remedy, cause);
  } finally {
    closeSync(rootFd);
  }
}

function openRoot(request: FileRequest, root: string): number {
  try {
    return openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    const remedy = "Make the directory, or correct imageRoots in the host file.";
    throw refusal(
      request,
      "image-root-unreadable",
      `its image root ${root} cannot be opened (${answerOf(cause)})`,
      remedy,
      cause,
    );
  }
}

/** Exclusive, so that what exists is judged before it is opened. */
function createIfAbsent(place: { directoryFd: number; path: string; resolve: bigint }): void {
  const flags = BigInt(constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  try {
    closeSync(addon.openBeneath({ ...place, flags, mode: 0o600 }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

const OPEN_FLAGS = {
  r: constants.O_RDONLY,
  rw: constants.O_RDWR,
  append: constants.O_WRONLY | constants.O_APPEND,
  fifo: constants.O_RDWR | constants.O_NONBLOCK,
} as const;

function reopen(request: FileRequest, pathFd: number): number {
  try {
    return openSync(`/proc/self/fd/${pathFd}`, OPEN_FLAGS[request.access] | constants.O_NOCTTY);
  } catch (cause) {
    const how = request.access === "r" ? "read-only" : "read-write";
    throw refusal(
      request,
      "image-unreadable",
      `opening it ${how}: ${answerOf(cause)}`,
      "Make it writable, or say `readOnly: true`.",
      cause,
    );
  }
}

function judgeFile(request: FileRequest, fd: number, rootOwner: number) {
  const facts = fstatSync(fd);
  const wanted = request.access === "fifo" ? facts.isFIFO() : facts.isFile() || facts.isBlockDevice();
  if (!wanted) {
    const what = facts.isFile()
      ? "a regular file"
      : facts.isBlockDevice()
        ? "a block device"
        : facts.isDirectory()
          ? "a directory"
          : facts.isFIFO()
            ? "a FIFO"
            : facts.isSocket()
              ? "a socket"
              : "a character device";
    const remedy = request.access === "fifo" ? "Make it with mkfifo." : "Name a regular file or a block device.";
    throw refusal(request, "image-kind", `it is ${what}`, remedy);
  }
  if (!facts.isBlockDevice() && facts.nlink !== 1) {
    throw refusal(
      request,
      "image-link",
      `it has ${facts.nlink} hard links, so that others can reach it by another name`,
      "Copy it to a file of its own.",
    );
  }
  if (facts.isBlockDevice() && request.access !== "r" && isWriteProtected(facts.rdev)) {
    const remedy = "Say `readOnly: true`, or take the protection off (blockdev --setrw).";
    throw refusal(request, "image-write-protected", "it is a write-protected block device", remedy);
  }
  if (facts.uid !== 0 && facts.uid !== rootOwner) {
    throw refusal(
      request,
      "image-owner",
      `uid ${facts.uid} owns it, neither root nor the owner of the image root`,
      "Run: chown root:root on it.",
    );
  }
  return facts;
}

/** The whole disk that I/O limits apply to: a partition's parent, the file system's disk for a regular file. */
function blockDeviceOf(facts: { isBlockDevice(): boolean; rdev: number; dev: number }): string | null {
  const number = deviceNumber(facts.isBlockDevice() ? facts.rdev : facts.dev);
  try {
    const place = readlinkSync(`/sys/dev/block/${number}`);
    const partition = statSync(`/sys/dev/block/${number}/partition`, { throwIfNoEntry: false });
    return partition === undefined ? number : readFileSync(`/sys/dev/block/${dirname(place)}/dev`, "utf8").trim();
  } catch {
    return null; // A file system without a block device of its own: tmpfs, overlay, network.
  }
}

/** `MAJOR:MINOR`: new_decode_dev(), include/linux/kdev_t.h. */
function deviceNumber(device: number): string {
  return `${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`;
}

/** The kernel opens one for writing all the same, and refuses each write. */
function isWriteProtected(device: number): boolean {
  return readFileSync(`/sys/dev/block/${deviceNumber(device)}/ro`, "utf8").trim() === "1";
}

function refusal(request: FileRequest, code: string, answer: string, remedy: string, cause?: unknown): SpecError {
  return new SpecError({
    code,
    tried: `${request.position()}: cannot use ${JSON.stringify(request.path)}`,
    subject: request.path,
    answer,
    remedy,
    cause,
  });
}
