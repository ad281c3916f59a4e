import { spawn } from "node:child_process";
import { HostError } from "../../errors/index.js";

export interface ProgramCall {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** The program says no by its exit code and why on stderr: not a failure of the call. Default false. */
  readonly failureIsAnswer?: boolean;
  /** Ends the program when it fires; the call then fails with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ProgramOutput {
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

/** How much of a failed program's messages an error shows, in lines: the last ones say why. */
const SHOWN_LINES = 12;

/**
 * Runs a program to its end and returns what it wrote. It dies with this process (PR_SET_PDEATHSIG), so that nothing outlives a
 * `kill -9` of the lab. Throws HostError "lab-program-failed" (its `cause` is a ProgramFailure), or "lab-program-timeout".
 */
export async function runProgram(call: ProgramCall): Promise<ProgramOutput> {
  const deadline = AbortSignal.timeout(call.timeoutMs);
  const signal = call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]);
  signal.throwIfAborted();
  const child = spawn("setpriv", ["--pdeathsig", "KILL", call.program, ...call.args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C.UTF-8", ...call.env },
  });
  const stop = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [stdout, stderr, end] = await Promise.all([collect(child.stdout), collect(child.stderr), ended(child)]);
    if (call.signal?.aborted) throw call.signal.reason;
    const messages = stderr.toString("utf8");
    if (end.exitCode === 0 || (end.exitCode !== null && call.failureIsAnswer))
      return { stdout: stdout.toString("utf8"), stdoutBytes: stdout, stderr: messages };
    throw wordProgramFailure(call, { ...end, stderr: messages, timedOut: deadline.aborted });
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** How a program ended, as the cause of the error that tells of it. */
export class ProgramFailure extends Error {
  readonly stderr: string;
  constructor(message: string, stderr: string) {
    super(message);
    this.stderr = stderr;
  }
}

interface End {
  readonly exitCode: number | null;
  readonly endSignal: string | null;
}

function wordProgramFailure(call: ProgramCall, end: End & { stderr: string; timedOut: boolean }): HostError {
  const lines = end.stderr.trimEnd().split("\n").slice(-SHOWN_LINES).join("\n");
  const how = end.exitCode === null ? `it died by ${end.endSignal}` : `it ended with ${end.exitCode}`;
  const timeout = `no end after ${call.timeoutMs / 1000} s`;
  return new HostError({
    code: end.timedOut ? "lab-program-timeout" : "lab-program-failed",
    tried: `Cannot run ${call.program} for the lab`,
    subject: [call.program, ...call.args].join(" "),
    answer: `${end.timedOut ? timeout : how}: ${lines === "" ? "it said nothing" : lines}`,
    cause: new ProgramFailure(end.timedOut ? timeout : how, end.stderr),
  });
}

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function ended(child: ReturnType<typeof spawn>): Promise<End> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode, endSignal) => resolve({ exitCode, endSignal }));
  });
}
