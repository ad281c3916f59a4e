import { Socket } from "node:net";
import { escapeLine } from "../text/index.js";
import { limitReadRate } from "./read_rate.js";

/** What is kept of a process's output, for its last words, in bytes. */
const KEPT_BYTES = 16 * 1024;
/** Most that is read of one process in a second, in bytes. Its end of the pipe does not block: it drops what is beyond. */
const BYTES_PER_SECOND_MAX = 4 * 1024 * 1024;
/** Lines shown per process and second; the rest is counted, not shown. */
const LINES_PER_SECOND_MAX = 20;
const LINE_CHARACTERS_MAX = 500;
/** Bytes that may be as many characters: UTF-8 takes up to four for each. */
const LINE_BYTES_MAX = 4 * LINE_CHARACTERS_MAX;

const NEWLINE = 0x0a;

/**
 * Reads what a process writes to its standard output and error. A flood blocks nobody: it is read at a bounded rate from a pipe
 * whose writers do not wait; kept, shown and rated within bounds.
 */
export class ProcessLog {
  readonly #show: (line: string) => void;
  #kept: Buffer = Buffer.alloc(0);
  #partial: Buffer = Buffer.alloc(0);
  #second = 0;
  #linesThisSecond = 0;
  #suppressed = 0;

  /** Takes the read end of the log pipe over; `show` gets complete, escaped lines. */
  constructor(fd: number, show: (line: string) => void) {
    this.#show = show;
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    limitReadRate(socket, BYTES_PER_SECOND_MAX, () => this.#show("(output beyond 4 MiB in a second is dropped)"));
    socket.on("close", () => this.#tellSuppressed());
    socket.on("error", () => socket.destroy());
    socket.unref();
  }

  /** The last lines, escaped, at most `count`. */
  lastWords(count = 5): string {
    const lines = this.#kept
      .toString("utf8")
      .split("\n")
      .filter((line) => line.trim() !== "");
    return escapeLine(
      lines
        .slice(-count)
        .map((line) => line.slice(-LINE_CHARACTERS_MAX))
        .join(" | "),
    );
  }

  #receive(chunk: Buffer): void {
    this.#kept = Buffer.concat([this.#kept.subarray(-KEPT_BYTES), chunk.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
    let begin = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, begin)) {
      if (!this.#mayShow()) {
        // Of a flood the lines are only counted: making a string of each would take the launcher's time.
        const last = chunk.lastIndexOf(NEWLINE);
        this.#suppressed += countNewlines(chunk.subarray(begin, last + 1));
        this.#partial = Buffer.alloc(0);
        begin = last + 1;
        break;
      }
      this.#show(escapeLine(this.#lineEndingWith(chunk.subarray(begin, end))));
      begin = end + 1;
    }
    this.#partial = joinCut(this.#partial, chunk.subarray(begin));
  }

  #lineEndingWith(rest: Buffer): string {
    const line = joinCut(this.#partial, rest).toString("utf8").slice(0, LINE_CHARACTERS_MAX);
    this.#partial = Buffer.alloc(0);
    return line;
  }

  /** Counts a line that is about to be shown; false when this second has had its share. */
  #mayShow(): boolean {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#tellSuppressed();
      this.#second = second;
      this.#linesThisSecond = 0;
    }
    this.#linesThisSecond += 1;
    return this.#linesThisSecond <= LINES_PER_SECOND_MAX;
  }

  #tellSuppressed(): void {
    if (this.#suppressed > 0) this.#show(`(${this.#suppressed} lines not shown)`);
    this.#suppressed = 0;
  }
}

/** A line's beginning with what follows, cut; a copy, so that no large chunk is kept for a short rest of it. */
function joinCut(begun: Buffer, rest: Buffer): Buffer {
  return Buffer.concat([begun, rest.subarray(0, Math.max(0, LINE_BYTES_MAX - begun.length))]);
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let index = 0; index < bytes.length; index += 1) if (bytes[index] === NEWLINE) count += 1;
  return count;
}
