import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** What native/bench/read_sectors.S reads at each order: READS times SECTORS_PER_READ sectors of 512 bytes. */
export const READ_BYTES = 128 * 127 * 512;

/** Longest wait for a word of the guest, in ms: its firmware takes some 100, its reads on a busy host as much again. */
const WORD_DEADLINE_MS = 30_000;
/** Longest wait for the VM's end, in ms, before its launcher is told to end it. */
const END_DEADLINE_MS = 5000;

/** A VM whose guest reads its disk when told to: native/bench/read_sectors.S says how it is told and what it answers. */
export class ReadingGuest {
  readonly #child: ChildProcess;
  readonly #console: AsyncIterator<Buffer>;
  #heard = "";
  /** What the command wrote to stderr: progress, and the reason when it fails. */
  #said = "";

  /** `command` launches the VM with its console on stdin and stdout. */
  constructor(command: readonly string[], environment: NodeJS.ProcessEnv) {
    const [program, ...args] = command;
    this.#child = spawn(program as string, args, { stdio: ["pipe", "pipe", "pipe"], env: environment });
    // A command that ended takes no more orders; that it ended shows on its stdout.
    this.#child.stdin?.on("error", () => {});
    // Without a program its stdout ends at once, and with it the wait for the guest.
    this.#child.on("error", (error) => {
      this.#said += error.message;
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#said += chunk.toString("utf8");
    });
    this.#console = (this.#child.stdout as Readable)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** From the guest's word that it begins to its word that it has ended, in ms. */
  async timeReads(): Promise<number> {
    // An order that came before the guest's serial port is set up would be lost.
    await this.#hear("w");
    (this.#child.stdin as Writable).write("r");
    await this.#hear("b");
    const startMs = performance.now();
    await this.#hear("e");
    return performance.now() - startMs;
  }

  async end(): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    (this.#child.stdin as Writable).end("q");
    const timer = setTimeout(() => this.#child.kill("SIGTERM"), END_DEADLINE_MS);
    await ended;
    clearTimeout(timer);
  }

  async #hear(word: string): Promise<void> {
    while (this.#heard === "") {
      const chunk = await this.#nextChunk(word);
      if (chunk.done === true) throw new Error(`${this.#child.spawnargs.join(" ")} ended and said:\n${this.#said}`);
      this.#heard = chunk.value.toString("latin1");
    }
    if (!this.#heard.startsWith(word)) throw new Error(`the guest said ${JSON.stringify(this.#heard)} instead of ${word}`);
    this.#heard = this.#heard.slice(word.length);
  }

  async #nextChunk(word: string): Promise<IteratorResult<Buffer>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`the guest did not say ${word} within ${WORD_DEADLINE_MS} ms`)),
        WORD_DEADLINE_MS,
      );
    });
    try {
      return await Promise.race([this.#console.next(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
