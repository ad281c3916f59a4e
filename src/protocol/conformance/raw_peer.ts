import { closeSync } from "node:fs";
import { addon, type FdWatch, isSystemError } from "../../kernel/index.js";
import { HEADER_BYTES, PAYLOAD_BYTES_MAX } from "../wire/command.js";

/** A message as it came. Its fds are the taker's to close. */
export interface RawMessage {
  readonly command: number;
  readonly payload: Buffer;
  readonly fds: readonly number[];
}

/** One end of a channel that sends whatever bytes it is told to, and holds nothing of what comes to be right. */
export class RawPeer {
  readonly #fd: number;
  readonly #watch: FdWatch;
  #wake: () => void = () => {};
  #open = true;

  /** Takes the socket over. */
  constructor(fd: number) {
    this.#fd = fd;
    this.#watch = new addon.FdWatch({ fd, onReady: () => this.#woken() });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** False: the other end has closed. fds stay the caller's. */
  send(data: Buffer, fds: readonly number[] = []): boolean {
    try {
      return addon.sendMessage({ socketFd: this.#fd, data, fds }) === data.length;
    } catch (error) {
      if (isSystemError(error)) return false;
      throw error;
    }
  }

  /** The next message; "end": the other end has closed, within a message or not; "silence": nothing whole came in time. */
  async receive(deadlineMs: number): Promise<RawMessage | "end" | "silence"> {
    const fds: number[] = [];
    const untilMs = performance.now() + deadlineMs;
    const header = await this.#fill(Buffer.alloc(HEADER_BYTES), fds, untilMs);
    const size = Buffer.isBuffer(header) ? Number(header.readBigUInt64LE(8)) : 0;
    const payload = size > PAYLOAD_BYTES_MAX ? "end" : await this.#fill(Buffer.alloc(size), fds, untilMs);
    if (Buffer.isBuffer(header) && Buffer.isBuffer(payload)) return { command: header.readInt32LE(0), payload, fds };
    for (const fd of fds) closeSync(fd);
    return Buffer.isBuffer(header) ? (payload as "end" | "silence") : header;
  }

  /** Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    closeSync(this.#fd);
  }

  async #fill(target: Buffer, fds: number[], untilMs: number): Promise<Buffer | "end" | "silence"> {
    let got = 0;
    while (got < target.length) {
      const bytes = this.#read(target.subarray(got), fds);
      if (bytes === 0) return "end";
      if (bytes !== null) got += bytes;
      else if (!(await this.#readable(untilMs - performance.now()))) return "silence";
    }
    return target;
  }

  #read(target: Buffer, into: number[]): number | null {
    try {
      const { bytes, fds } = addon.receiveMessage({ socketFd: this.#fd, target });
      into.push(...fds);
      return bytes;
    } catch (error) {
      // ECONNRESET: it closed without having read all.
      if (isSystemError(error)) return 0;
      throw error;
    }
  }

  /** False: not in time. */
  async #readable(waitMs: number): Promise<boolean> {
    if (waitMs <= 0) return false;
    let timer: NodeJS.Timeout | undefined;
    const ready = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true);
      timer = setTimeout(() => resolve(false), waitMs);
      this.#watch.watch({ readable: true, writable: false });
    });
    clearTimeout(timer);
    this.#watch.watch({ readable: false, writable: false });
    return ready;
  }

  #woken(): void {
    this.#wake();
  }
}
