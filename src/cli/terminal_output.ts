import { writeSync } from "node:fs";
import { Writable } from "node:stream";

/** How soon a terminal that takes nothing is tried again, in ms. */
const RETRY_MS = 20;

/**
 * Writes to a terminal without ever waiting in a system call: Node's own streams do, and one that was stopped (Ctrl-S) would hold
 * up everything else. What it does not take at once waits here; how much may, is for the writer to look at.
 */
export class TerminalOutput extends Writable {
  readonly #fd: number;

  /** `fd` has O_NONBLOCK. It stays open until the process ends. */
  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    const writtenBytes = this.#attempt(chunk);
    if (writtenBytes === chunk.length) done();
    else setTimeout(() => this._write(chunk.subarray(writtenBytes), encoding, done), RETRY_MS);
  }

  #attempt(chunk: Buffer): number {
    try {
      return writeSync(this.#fd, chunk);
    } catch (error) {
      // A terminal that hung up (EIO) takes the rest of the output with it.
      return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : chunk.length;
    }
  }
}
