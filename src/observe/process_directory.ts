import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";

/** O_PATH: include/uapi/asm-generic/fcntl.h. node:fs does not name it. */
const O_PATH = 0o10000000;

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

  list(name: string): string[] {
    return readdirSync(this.#path(name));
  }

  link(name: string): string {
    return readlinkSync(this.#path(name));
  }

  stat(name: string): Stats {
    return statSync(this.#path(name));
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
