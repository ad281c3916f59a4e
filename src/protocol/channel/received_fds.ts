import { closeSync } from "node:fs";

/** The fds of one message. Each is closed once: by whoever takes it, or with the rest. */
export class ReceivedFds {
  readonly #fds: (number | null)[];

  constructor(fds: readonly number[]) {
    this.#fds = [...fds];
  }

  get count(): number {
    return this.#fds.length;
  }

  /** For a look at it; it stays this object's. */
  peek(index: number): number {
    const fd = this.#fds[index];
    if (fd === undefined || fd === null) throw new RangeError(`no fd ${index} is left of ${this.#fds.length}`);
    return fd;
  }

  /** The fd, which is the caller's to close from now on. */
  take(index: number): number {
    const fd = this.peek(index);
    this.#fds[index] = null;
    return fd;
  }

  /** Closes what nobody took. Idempotent. */
  close(): void {
    for (const [index, fd] of this.#fds.entries()) {
      this.#fds[index] = null;
      if (fd !== null) closeSync(fd);
    }
  }
}
