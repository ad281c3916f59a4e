import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { addon } from "../src/kernel/index.js";
import type { Session } from "../src/sandbox/index.js";
import { startPlain } from "./plain_process.js";

/** A program that answers each line on its stdin with one line on its stdout. */
export class LineProgram {
  readonly #name: string;
  readonly #input: Writable;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  readonly #kill: () => void;

  private constructor(name: string, parts: { input: Writable; output: Readable; ended: Promise<unknown>; kill?: () => void }) {
    this.#name = name;
    this.#input = parts.input;
    this.#ended = parts.ended;
    this.#kill = parts.kill ?? (() => {});
    // A program that ended takes no more questions; that it ended shows on its output.
    this.#input.on("error", () => {});
    this.#answers = createInterface({ input: parts.output })[Symbol.asyncIterator]();
  }

  /** `inherited`: fds of ours that become its fds 3 and up. */
  static async start(command: readonly string[], inherited: readonly number[] = []): Promise<LineProgram> {
    const [program, ...args] = command as [string, ...string[]];
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit", ...inherited] });
    const ended = once(child, "exit");
    await once(child, "spawn");
    const kill = (): void => void child.kill("SIGKILL");
    return new LineProgram(program, { input: child.stdin as Writable, output: child.stdout as Readable, ended, kill });
  }

  /** The same, in the session of a VM and nothing else taken from it. */
  static async startIn(session: Session, command: readonly string[], inherited: readonly number[] = []): Promise<LineProgram> {
    const [program] = command as [string, ...string[]];
    // Not pipes: theirs do not block.
    const [near, far] = addon.socketPair();
    const { ended } = await startPlain(session, command, new Map([far, far, 2, ...inherited].entries()));
    closeSync(far);
    const socket = new Socket({ fd: near });
    return new LineProgram(program, { input: socket, output: socket, ended });
  }

  async ask(question: string): Promise<string> {
    this.#input.write(`${question}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`${this.#name} ended instead of answering; its stderr says why`);
    return answer.value;
  }

  /** For a program of start() that does not end with its input. */
  async kill(): Promise<void> {
    this.#kill();
    await this.#ended;
  }

  async end(): Promise<void> {
    this.#input.end();
    await this.#ended;
  }
}
