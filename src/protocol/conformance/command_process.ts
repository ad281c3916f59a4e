import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { createInterface } from "node:readline";
import { ProtocolError, ProtocolInputError } from "../../errors/index.js";
import { addon } from "../../kernel/index.js";
import type { VmmProcess } from "./play_vmm_cases.js";
import type { DeviceProcess } from "./play_wire_cases.js";
import type { ProcessEnd } from "./process_end.js";
import type { QtestCommand } from "./qtest_driver.js";

/** What a named program finds its channel at: the first fd after the standard streams. */
export const CHANNEL_FD = 3;

/** A program and its arguments, as a user names them. */
export type CommandLine = readonly [program: string, ...args: string[]];

/** Of what a program writes to standard error, so much of the end is kept, in characters. */
const SAID_MAX = 4096;

/** Longest wait for an answer of qtest, in ms: the first comes once QEMU has made its machine. */
const QTEST_MS = 20_000;

/** A VMM that is driven through its standard streams. */
export interface QtestProcess extends VmmProcess {
  readonly command: QtestCommand;
}

/** Starts named programs with one end of a channel each, and ends every one that it started. */
export class CommandStarter {
  readonly #command: CommandLine;
  readonly #running = new Set<ChildProcess>();
  #said = "";

  constructor(command: CommandLine) {
    this.#command = command;
  }

  /** The end of what the last one wrote to standard error: an untrusted program's words. */
  get said(): string {
    return this.#said;
  }

  /** As a device process. Throws ProtocolInputError "command-unstartable". */
  async startDevice(): Promise<DeviceProcess> {
    const [near, far] = addon.socketPair();
    try {
      return { channelFd: near, ...(await this.#start(far, "ignore")) };
    } catch (error) {
      closeSync(near);
      throw error;
    }
  }

  /** As a VMM. Takes the fd over. Throws ProtocolInputError "command-unstartable". */
  startVmm(channelFd: number): Promise<VmmProcess> {
    return this.#start(channelFd, "ignore");
  }

  /** As a VMM of QEMU that was given `-qtest stdio`. Takes the fd over. */
  async startQtest(channelFd: number): Promise<QtestProcess> {
    const { child, ...process } = await this.#start(channelFd, "pipe");
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error("a child was started without its pipes");
    // A VMM that is gone is told by the missing answer.
    stdin.on("error", () => {});
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    const command = async (line: string): Promise<bigint> => {
      stdin.write(`${line}\n`);
      const answer = await lineWithin(lines.next(), QTEST_MS);
      const [status, value] = answer.split(" ");
      if (status === "OK") return BigInt(value ?? 0);
      throw new ProtocolError({ code: "qtest-refused", tried: `Cannot let the VMM do ${line}`, subject: line, answer });
    };
    return { ...process, command };
  }

  /** Ends all that it started and that has not ended. */
  close(): void {
    for (const child of this.#running) endGroup(child);
  }

  #start(channelFd: number, streams: "ignore" | "pipe"): Promise<StartedProcess> {
    const [program, ...args] = this.#command;
    // In a group of its own: what a script starts in turn is ended with it.
    const child = spawn(program, args, { stdio: [streams, streams, "pipe", channelFd], detached: true });
    closeSync(channelFd);
    this.#said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-SAID_MAX);
    });
    this.#running.add(child);
    return new Promise((resolve, reject) => {
      child.once("error", (cause) => {
        this.#running.delete(child);
        reject(unstartable(program, cause));
      });
      child.once("spawn", () => {
        const ended = new Promise<ProcessEnd>((settle) => {
          child.once("exit", (exitCode, signal) => {
            this.#running.delete(child);
            settle({ exitCode, signal });
          });
        });
        resolve({ child, pid: child.pid ?? -1, ended, kill: () => endGroup(child) });
      });
    });
  }
}

/** A line, or `nothing` when there is none in time. */
async function lineWithin(line: Promise<IteratorResult<string, undefined>>, deadlineMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), deadlineMs);
  });
  const next = await Promise.race([line, late]);
  clearTimeout(timer);
  return next?.value ?? "nothing";
}

interface StartedProcess extends VmmProcess {
  readonly child: ChildProcess;
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: nothing is left of the group, as it should be.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function unstartable(program: string, cause: Error): ProtocolInputError {
  return new ProtocolInputError({
    code: "command-unstartable",
    tried: `Cannot start ${program}`,
    subject: program,
    answer: (cause as NodeJS.ErrnoException).code ?? cause.message,
    remedy: "Name a program and its arguments after --.",
    cause,
  });
}
