import { closeSync } from "node:fs";
import { BulkheadError, ProtocolError } from "../../errors/index.js";
import { addon, answerOf, type FdWatch, isSystemError } from "../../kernel/index.js";
import { checkFdCount, type DecodeOptions } from "../wire/decode.js";
import { encodeMessage } from "../wire/encode.js";
import type { Message } from "../wire/message.js";
import { wireViolation } from "../wire/violation.js";
import { type Frame, FrameReader } from "./frame_reader.js";

export interface ChannelOptions extends DecodeOptions {
  /** One end of a UNIX stream socket pair. The channel closes it, unless `keepsFd`. */
  readonly fd: number;
  /** The fd stays the caller's. Default false. */
  readonly keepsFd?: boolean | undefined;
  /** Whom this channel leads to, for messages: `device "disk0"`. */
  readonly peer: string;
  /** Called for each message; the fds that it does not take are closed when it returns. What it throws ends the channel. */
  readonly onFrame: (frame: Frame) => void;
  /** Called once when the channel ends by itself, after which nothing is open: null when the peer closed between two messages. */
  readonly onEnd: (error: BulkheadError | null) => void;
  /** Told of every message that passes, with the number of its fds. */
  readonly onTraffic?: ((direction: "sent" | "received", message: Message, fdCount: number) => void) | undefined;
}

/**
 * Messages in both directions over one socket, in Node's event loop. Reads one message for each turn of the loop, and none
 * while the peer leaves one of ours unread, so what a peer makes us hold is bounded.
 */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #watch: FdWatch;
  readonly #reader: FrameReader;
  #unsent: Buffer | null = null;
  #open = true;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#reader = new FrameReader(options.fd, options);
    this.#watch = new addon.FdWatch({ fd: options.fd, onReady: (readable, writable) => this.#onReady(readable, writable) });
    this.#watch.watch({ readable: true, writable: false });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * Sends a message with fds, which stay the caller's. Throws ProtocolError "wire-violation" for what the specification forbids,
   * "channel-full" when the peer has not read what was sent before, "channel-closed".
   */
  send(message: Message, fds: readonly number[] = []): void {
    if (!this.#open) throw this.#error("channel-closed", "the channel is closed");
    checkOwnFds(message, fds.length);
    const data = encodeMessage(message);
    if (this.#unsent !== null) throw this.#error("channel-full", "the peer does not read");
    const sent = this.#write(data, fds);
    // The fds went with the first byte or not at all; they are not ours to keep until there is room.
    if (sent === 0 && fds.length > 0) throw this.#error("channel-full", "the peer does not read");
    this.#options.onTraffic?.("sent", message, fds.length);
    if (sent < data.length) this.#hold(data.subarray(sent));
  }

  /** Ends it from this side, without calling onEnd. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // The watch first: a closed fd's number may be another file's at once.
    this.#watch.close();
    this.#reader.close();
    if (this.#options.keepsFd !== true) closeSync(this.#options.fd);
  }

  #onReady(readable: boolean, writable: boolean): void {
    try {
      if (writable) this.#flush();
      if (readable && this.#open) this.#receive();
    } catch (error) {
      if (error instanceof BulkheadError) this.#end(error);
      else if (isSystemError(error)) this.#end(this.#error("channel-closed", answerOf(error), error));
      else {
        // A bug in whoever handles the messages: nothing that the peer did.
        this.close();
        throw error;
      }
    }
  }

  #receive(): void {
    const frame = this.#reader.read();
    if (frame === null) return;
    if (frame === "end") {
      this.#end(null);
      return;
    }
    try {
      this.#options.onTraffic?.("received", frame.message, frame.fds.count);
      this.#options.onFrame(frame);
    } finally {
      frame.fds.close();
    }
  }

  #write(data: Buffer, fds: readonly number[]): number {
    try {
      return addon.sendMessage({ socketFd: this.#options.fd, data, fds });
    } catch (error) {
      throw this.#error("channel-closed", answerOf(error), error);
    }
  }

  #hold(rest: Buffer): void {
    this.#unsent = rest;
    this.#watch.watch({ readable: false, writable: true });
  }

  #flush(): void {
    if (this.#unsent === null) return;
    const sent = this.#write(this.#unsent, []);
    this.#unsent = sent < this.#unsent.length ? this.#unsent.subarray(sent) : null;
    if (this.#unsent === null) this.#watch.watch({ readable: true, writable: false });
  }

  #end(error: BulkheadError | null): void {
    if (!this.#open) return;
    this.close();
    this.#options.onEnd(error);
  }

  #error(code: string, answer: string, cause?: unknown): ProtocolError {
    const { peer } = this.#options;
    return new ProtocolError({ code, tried: `Cannot talk to ${peer}`, subject: peer, answer, cause });
  }
}

function checkOwnFds(message: Message, count: number): void {
  if (message.command === "sync-sysmem" && count !== message.regions.length) {
    throw wireViolation(message.command, {
      field: "fds",
      value: count,
      rule: `be one for each of ${message.regions.length} regions`,
    });
  }
  checkFdCount(message.command, count, "strict");
}
