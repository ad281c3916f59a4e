import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** A program that answers each line on its stdin with one line on its stdout. */
export class LineProgram {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #unstartable: Promise<never>;

  /** `inherited`: fds of ours that become its fds 3 and up. */
  constructor(command: readonly string[], inherited: readonly number[] = []) {
    const [program, ...args] = command;
    this.#child = spawn(program as string, args, { stdio: ["pipe", "pipe", "inherit", ...inherited] });
    this.#unstartable = new Promise((_, reject) => this.#child.once("error", reject));
    // Whoever asks next hears of it; until then nobody waits.
    this.#unstartable.catch(() => {});
    // A program that ended takes no more questions; that it ended shows on its stdout.
    this.#child.stdin?.on("error", () => {});
    this.#answers = createInterface({ input: this.#child.stdout as Readable })[Symbol.asyncIterator]();
  }

  async ask(question: string): Promise<string> {
    (this.#child.stdin as Writable).write(`${question}\n`);
    const answer = await Promise.race([this.#answers.next(), this.#unstartable]);
    if (answer.done === true) throw new Error(`${this.#child.spawnfile} ended instead of answering; its stderr says why`);
    return answer.value;
  }

  async end(): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    (this.#child.stdin as Writable).end();
    await ended;
  }
}
