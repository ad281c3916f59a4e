import { spawn } from "node:child_process";
import { closeSync, writeSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { EXIT, type ExitCode, MachineError } from "../errors/index.js";
import { ENDING_SIGNALS } from "./signals.js";

/** The background process reports on this fd: after stdin, stdout and stderr. */
const REPORT_FD = 3;
/** The hidden option that tells a command to be that process. */
export const REPORT_OPTION = "--report-fd";
const REPORT = "supervising\n";

/**
 * Runs a command of this program in the background: in a session of its own, without a terminal. Its messages are shown until
 * it reports that it supervises; then this resolves with 0. When it ends before, with its exit code. `input`: what it reads
 * from standard input.
 */
export async function runInBackground(args: readonly string[], input: Readable | null = null): Promise<ExitCode> {
  const script = process.argv[1] ?? "";
  const child = spawn(process.execPath, [...process.execArgv, script, ...args, REPORT_OPTION, String(REPORT_FD)], {
    detached: true,
    // No fd of the caller's: a terminal or a pipe that somebody waits on would stay open for as long as the VM runs.
    stdio: [input === null ? "ignore" : "pipe", "ignore", "pipe", "pipe"],
  });
  if (input !== null) input.pipe(child.stdin as Writable).on("error", () => {});
  child.stderr?.pipe(process.stderr, { end: false });
  const interrupt = (): void => void child.kill("SIGTERM");
  for (const signal of ENDING_SIGNALS) process.on(signal, interrupt);
  try {
    return await outcomeOf(child, child.stdio[REPORT_FD] as Readable);
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, interrupt);
    input?.unpipe();
    input?.pause();
    child.unref();
    for (const stream of [child.stderr, child.stdio[REPORT_FD] as Readable]) stream?.destroy();
  }
}

function outcomeOf(child: ReturnType<typeof spawn>, report: Readable): Promise<ExitCode> {
  return new Promise((resolve, reject) => {
    report.on("data", () => resolve(EXIT.clean));
    child.on("error", reject);
    // close, not exit: its last words are on the way.
    child.on("close", (code, signal) => {
      if (code !== null) resolve(code as ExitCode);
      else reject(supervisorDied(signal ?? "a signal"));
    });
  });
}

/** Called in the background process before it confines itself: no directory of the caller's is kept busy. */
export function leaveCaller(): void {
  process.chdir("/");
}

/** Called in the background process, once, when the VM is supervised. */
export function reportSupervising(reportFd: string): void {
  const fd = Number(reportFd);
  try {
    writeSync(fd, REPORT);
  } catch {
    // Whoever started us is gone; the VM is supervised all the same.
  }
  closeSync(fd);
}

function supervisorDied(answer: string): MachineError {
  return new MachineError({
    code: "supervisor-died",
    tried: "Cannot start a supervisor in the background",
    subject: "supervisor",
    answer: `it died of ${answer}`,
    remedy: "Run `bulkhead gc` to clean up after it.",
  });
}
