import {
  closeSync,
  opendirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { addon, type FileFacts } from "../kernel/index.js";

/** O_PATH: include/uapi/asm-generic/fcntl.h. node:fs does not name it. */
const O_PATH = 0o10000000;

/** Room for what /proc writes at once: a page, or eight of a seq_file that grew. */
const FIRST_READ_BYTES = 32 * 1024;

/** The beginning of a file. */
export interface FileStart {
  readonly bytes: Buffer;
  /** Nothing follows. */
  readonly whole: boolean;
}

/**
 * /proc/PID through one directory fd: a pid that is reused meanwhile gives ESRCH instead of another process's facts.
 * Every reader throws the file system's own error; a process that ended gives ENOENT or ESRCH.
 */
export class ProcessDirectory {
  readonly pid: number;
  readonly #fd: number;

  constructor(pid: number) {
    this.pid = pid;
    this.#fd = openSync(`/proc/${pid}`, O_PATH);
  }

  read(name: string): string {
    return readFileSync(this.#path(name), "utf8");
  }

  /** No more than `bytesMax`, however much a hostile process puts there. */
  readStart(name: string, bytesMax: number): FileStart {
    const fd = openSync(this.#path(name), "r");
    try {
      let buffer = Buffer.allocUnsafe(Math.min(FIRST_READ_BYTES, bytesMax + 1));
      let filled = 0;
      for (;;) {
        const bytes = readSync(fd, buffer, filled, buffer.length - filled, null);
        filled += bytes;
        if (bytes === 0 || filled > bytesMax) break;
        // Most files of /proc are short, and few are as long as they may be.
        if (filled === buffer.length) buffer = Buffer.concat([buffer], Math.min(2 * buffer.length, bytesMax + 1));
      }
      return { bytes: buffer.subarray(0, Math.min(filled, bytesMax)), whole: filled <= bytesMax };
    } finally {
      closeSync(fd);
    }
  }

  list(name: string): string[] {
    return readdirSync(this.#path(name));
  }

  /** The first `countMax` names, in the directory's order. */
  listStart(name: string, countMax: number): { readonly names: readonly string[]; readonly whole: boolean } {
    const directory = opendirSync(this.#path(name));
    try {
      const names: string[] = [];
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        if (names.length === countMax) return { names, whole: false };
        names.push(entry.name);
      }
      return { names, whole: true };
    } finally {
      directory.closeSync();
    }
  }

  link(name: string): string {
    return readlinkSync(this.#path(name));
  }

  stat(name: string): Stats {
    return statSync(this.#path(name));
  }

  /** What a link leads to, as the kernel has it at hand: no file system's server is asked, which might never answer. */
  describe(name: string): FileFacts {
    return addon.describeFile({ path: this.#path(name) });
  }

  /** An fd of what a link leads to, which the caller closes. For files that opening does not wait for: namespaces. */
  open(name: string): number {
    return openSync(this.#path(name), "r");
  }

  /** Whether the process is there, be it a zombie. */
  get exists(): boolean {
    try {
      this.read("stat");
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #path(name: string): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }
}

/** Whether an error says that the process ended while it was read. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ESRCH";
}
