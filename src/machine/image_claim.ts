import { closeSync, constants, openSync } from "node:fs";
import { StateError } from "../errors/index.js";
import { addon } from "../kernel/index.js";
import type { Directories } from "../state/index.js";
import { findHolder } from "./evidence.js";
import type { FileRequest, OpenedFile } from "./image.js";

/**
 * Claims a file for this VM: alone when it is written, with other readers when it is not. The lock is flock(2)'s, held by the open
 * file that a device process is given: it lasts as long as that process, whatever becomes of the launcher, and no
 * record of it can grow stale. QEMU's own locks lie beside it and stay as they are.
 * Throws StateError "image-busy". Returns the file to use in place of `file`.
 */
export function claimFile(request: FileRequest, file: OpenedFile, directories: Directories): OpenedFile {
  const fd = request.access !== "r" && file.facts.kind === "block" ? reopenExclusively(request, file) : file.fd;
  if (!addon.tryLock({ fd, shared: request.access === "r" })) {
    if (fd !== file.fd) closeSync(fd);
    throw busy(request, file, directories);
  }
  // Not before: whoever calls closes `file` when nothing took its place.
  if (fd !== file.fd) closeSync(file.fd);
  return { ...file, fd };
}

/**
 * O_EXCL without O_CREAT claims the block device itself, however many nodes it has: EBUSY while it, a partition of it or the disk
 * it is part of is mounted, swapped to, or claimed by anybody else; open(2).
 */
function reopenExclusively(request: FileRequest, file: OpenedFile): number {
  try {
    return openSync(`/proc/self/fd/${file.fd}`, constants.O_RDWR | constants.O_EXCL | constants.O_NOCTTY);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EBUSY") throw cause;
    throw new StateError({
      code: "image-busy",
      tried: `${request.position()}: cannot write the block device ${JSON.stringify(request.path)}`,
      subject: request.path,
      answer: "it is mounted, or claimed by another program (EBUSY)",
      remedy: "Unmount it, or name another; `lsblk` shows who uses it.",
      cause,
    });
  }
}

function busy(request: FileRequest, file: OpenedFile, directories: Directories): StateError {
  const holder = findHolder(directories, file.inode);
  return new StateError({
    code: "image-busy",
    tried: `${request.position()}: cannot ${request.access === "r" ? "read" : "write"} ${JSON.stringify(request.path)}`,
    subject: request.path,
    answer: `${holder === null ? "another program" : `VM "${holder.vm}" (its ${holder.process})`} holds a lock on it`,
    remedy:
      holder === null ? "Run `lslocks` to see which." : `Give this one a file of its own, or run \`bulkhead stop ${holder.vm}\`.`,
  });
}
