import { closeSync } from "node:fs";
import { addon } from "../../kernel/index.js";
import { HEADER_BYTES, PAYLOAD_BYTES_MAX } from "../wire/command.js";
import { checkFdCount, type DecodeOptions, decodeHeader, decodePayload, type Header } from "../wire/decode.js";
import type { Message } from "../wire/message.js";
import { wireViolation } from "../wire/violation.js";
import { ReceivedFds } from "./received_fds.js";

/** A message and the fds that came with it, which are the taker's to close. */
export interface Frame {
  readonly message: Message;
  readonly fds: ReceivedFds;
}

/**
 * Reads messages off a stream socket. No read goes beyond the header or the payload that it is for, since fds arrive with
 * bytes: those that come with a header are its message's, and those that come with a payload are a violation.
 */
export class FrameReader {
  readonly #socketFd: number;
  readonly #options: DecodeOptions;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  readonly #payload = Buffer.alloc(PAYLOAD_BYTES_MAX);
  #got = 0;
  #announced: Header | null = null;
  #fds: number[] = [];

  constructor(socketFd: number, options: DecodeOptions) {
    this.#socketFd = socketFd;
    this.#options = options;
  }

  /** The next message; null when it is not all there yet; "end" when the peer closed its side. Throws ProtocolError, SystemError. */
  read(): Frame | "end" | null {
    if (this.#announced === null) {
      const outcome = this.#fill(this.#header);
      if (outcome !== "full") return outcome;
      this.#announced = decodeHeader(this.#header, this.#options);
      checkFdCount(this.#announced.command, this.#fds.length, this.#options.strictness);
      this.#got = 0;
    }
    const payload = this.#payload.subarray(0, this.#announced.payloadBytes);
    const outcome = this.#fill(payload);
    if (outcome !== "full") return outcome;
    const { strictness } = this.#options;
    const message = decodePayload(this.#announced, payload, { fdCount: this.#fds.length, strictness });
    const fds = new ReceivedFds(this.#fds);
    this.#fds = [];
    this.#announced = null;
    this.#got = 0;
    return { message, fds };
  }

  /** Closes the fds of a message that never came whole. */
  close(): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
  }

  #fill(target: Buffer): "full" | "end" | null {
    while (this.#got < target.length) {
      const { bytes, fds, lostFds } = addon.receiveMessage({ socketFd: this.#socketFd, target: target.subarray(this.#got) });
      this.#fds.push(...fds);
      if (lostFds) throw wireViolation("a message", { field: "fds", value: "lost", rule: "fit into this process's fd table" });
      if (bytes === null) return null;
      if (bytes === 0) return this.#endsHere();
      this.#checkPlace(fds.length);
      this.#got += bytes;
    }
    return "full";
  }

  #checkPlace(count: number): void {
    if (count === 0 || this.#announced === null) return;
    const value = `with the payload of ${this.#announced.command}`;
    throw wireViolation("a message", { field: "fds", value, rule: "come with a header" });
  }

  #endsHere(): "end" {
    if (this.#announced === null && this.#got === 0) return "end";
    const subject = this.#announced === null ? "a message" : this.#announced.command;
    throw wireViolation(subject, { field: "stream", value: "ended", rule: "end between two messages" });
  }
}
