import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { addon } from "../src/kernel/index.js";
import type { Session } from "../src/sandbox/index.js";

/** Longest wait for exec, in ms. */
const EXEC_DEADLINE_MS = 10_000;
/** The first fd behind the standard ones. */
const FIRST_INHERITED_FD = 3;

/** A program that answers each line on its stdin with one line on its stdout. */
export class LineProgram {
  readonly #name: string;
  readonly #input: Writable;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  private constructor(name: string, parts: { input: Writable; output: Readable; ended: Promise<unknown> }) {
    this.#name = name;
    this.#input = parts.input;
    this.#ended = parts.ended;
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
    return new LineProgram(program, { input: child.stdin as Writable, output: child.stdout as Readable, ended });
  }

  /** The same, in the session of a VM and nothing else taken from it. */
  static async startIn(session: Session, command: readonly string[], inherited: readonly number[] = []): Promise<LineProgram> {
    const [program] = command as [string, ...string[]];
    // Not pipes: theirs do not block.
    const [near, far] = addon.socketPair();
    const places = [far, far, 2, ...inherited];
    const started = await addon.spawnConfined({
      operations: [
        ...places.map((fd, number) => ({ step: "place-fd", fd, number: BigInt(number) }) as const),
        { step: "close-other-fds", number: BigInt(FIRST_INHERITED_FD + inherited.length - 1) },
        { step: "default-signals" },
        { step: "exec", path: program },
      ],
      argv: command,
      environment: [],
      session: session.native,
      namespaces: 0n,
      networkSocket: -1,
      gate: null,
      cgroupFd: -1,
      userMap: "",
      groupMap: "",
      deadlineMs: EXEC_DEADLINE_MS,
    });
    closeSync(far);
    if (started.failed) throw new Error(`cannot start ${program}: ${JSON.stringify(started)}`);
    const { pidfd } = started;
    const ended = addon.waitExit({ pidfd, keepAlive: true }).finally(() => closeSync(pidfd));
    const socket = new Socket({ fd: near });
    return new LineProgram(program, { input: socket, output: socket, ended });
  }

  async ask(question: string): Promise<string> {
    this.#input.write(`${question}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`${this.#name} ended instead of answering; its stderr says why`);
    return answer.value;
  }

  async end(): Promise<void> {
    this.#input.end();
    await this.#ended;
  }
}
