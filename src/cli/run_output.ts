import { constants, openSync } from "node:fs";
import type { Writable } from "node:stream";
import { TerminalOutput } from "./terminal_output.js";

/** Bytes of messages that may wait for a slow reader before more are dropped. */
const WAITING_BYTES_MAX = 1024 * 1024;

/** Where a supervisor in the foreground writes. It never waits for whoever reads: what is too much is dropped, and counted. */
export class RunOutput {
  /** The guest's serial console. */
  readonly console: Writable = withoutWaiting(process.stdout, 1);
  readonly #messages: Writable = withoutWaiting(process.stderr, 2);
  #droppedBytes = 0;

  /** One line to standard error. */
  say(line: string): void {
    if (this.#messages.writableLength > WAITING_BYTES_MAX) this.noteDropped(line.length);
    else this.#messages.write(`${line}\n`);
  }

  noteDropped(sizeBytes: number): void {
    this.#droppedBytes += sizeBytes;
  }

  /** Says how much was dropped, if any was. */
  tellDropped(): void {
    if (this.#droppedBytes > 0)
      this.say(`bulkhead: ${this.#droppedBytes} bytes of output were dropped: nobody read them in time`);
  }
}

/**
 * Opened before the launcher confines itself. A terminal gets a description of its own: O_NONBLOCK on the one that was inherited
 * would hold for the shell as well. Pipes and sockets wait in node:net, and a regular file keeps nobody waiting.
 */
function withoutWaiting(stream: NodeJS.WriteStream, fd: number): Writable {
  if (stream.isTTY !== true) return stream;
  try {
    return new TerminalOutput(openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  } catch {
    return stream; // A terminal that is not there in this mount namespace.
  }
}
