import { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { escapeControls } from "../text/index.js";

/** What is kept of a process's output, for its last words, in bytes. */
const KEPT_BYTES = 16 * 1024;
/** Lines shown per process and second; the rest is counted, not shown. */
const LINES_PER_SECOND_MAX = 20;
const LINE_CHARACTERS_MAX = 500;

/**
 * Reads what a process writes to its standard output and error. Always drained, so that a flood blocks nobody; kept,
 * shown and rated within bounds.
 */
export class ProcessLog {
  readonly #show: (line: string) => void;
  #kept = "";
  #partial = "";
  #second = 0;
  #linesThisSecond = 0;
  #suppressed = 0;

  /** Takes the read end of the log pipe over; `show` gets complete, escaped lines. */
  constructor(fd: number, show: (line: string) => void) {
    this.#show = show;
    const socket = new Socket({ fd, readable: true, writable: false });
    const decoder = new StringDecoder("utf8");
    socket.on("data", (chunk: Buffer) => this.#receive(decoder.write(chunk)));
    socket.on("close", () => this.#tellSuppressed());
    socket.on("error", () => socket.destroy());
    socket.unref();
  }

  /** The last lines, escaped, at most `count`. */
  lastWords(count = 5): string {
    const lines = (this.#kept + this.#partial).split("\n").filter((line) => line.trim() !== "");
    return escapeLine(lines.slice(-count).join(" | "));
  }

  #receive(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = (lines.pop() ?? "").slice(-LINE_CHARACTERS_MAX);
    for (const line of lines) this.#take(line.slice(0, LINE_CHARACTERS_MAX));
  }

  #take(line: string): void {
    this.#kept = `${this.#kept}${line}\n`.slice(-KEPT_BYTES);
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#tellSuppressed();
      this.#second = second;
      this.#linesThisSecond = 0;
    }
    this.#linesThisSecond += 1;
    if (this.#linesThisSecond > LINES_PER_SECOND_MAX) this.#suppressed += 1;
    else this.#show(escapeLine(line));
  }

  #tellSuppressed(): void {
    if (this.#suppressed > 0) this.#show(`(${this.#suppressed} lines not shown)`);
    this.#suppressed = 0;
  }
}

/** One line for a terminal. A carriage return would let a process write over the name that stands before its line. */
function escapeLine(line: string): string {
  return escapeControls(line).replaceAll("\r", "\\x0d");
}
