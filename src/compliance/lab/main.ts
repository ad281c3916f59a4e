import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BulkheadError, EXIT } from "../../errors/index.js";
import { cacheDirectory } from "./cache.js";
import { type LabInvocation, parseLabArguments } from "./command_line.js";
import { ensureCoreKernel } from "./core_kernel.js";
import { ensureLabImage } from "./lab_image.js";
import { packageDirectory } from "./lab_sources.js";
import { runLab } from "./run_lab.js";

/** Signal numbers for the exit codes of an interrupted run, 128 and the number: signal(7). */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
const SIGNAL_EXIT_BASE = 128;

class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: keyof typeof SIGNALS) {
    super(`interrupted by ${signal}`);
    this.exitCode = SIGNAL_EXIT_BASE + SIGNALS[signal];
  }
}

const say = (line: string): void => void process.stderr.write(`lab: ${line}\n`);

async function main(): Promise<number> {
  const invocation = parseLabArguments(process.argv.slice(2));
  const stop = new AbortController();
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    process.once(signal, () => stop.abort(new Interrupted(signal)));
  }
  if (invocation.action !== "build") return runInvocation(invocation, stop.signal);
  const context = { progress: say, signal: stop.signal };
  await ensureLabImage(context);
  if (invocation.kernel === "core-scheduling") await ensureCoreKernel(context);
  say(`ready in ${cacheDirectory()}`);
  return EXIT.clean;
}

async function runInvocation(invocation: LabInvocation, signal: AbortSignal): Promise<number> {
  const interactive = invocation.action === "shell";
  const resultsDirectory = await chooseResultsDirectory(invocation);
  const terminal = interactive && process.stdin.isTTY ? process.stdin : null;
  terminal?.setRawMode(true);
  try {
    const { exitCode, totalMs } = await runLab({
      progress: say,
      signal,
      resultsDirectory,
      command: interactive
        ? { kind: "shell", columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }
        : { kind: "argv", argv: invocation.argv },
      env: { TERM: process.env["TERM"] ?? "dumb" },
      kernel: invocation.kernel,
      ...(invocation.commandTimeoutMs === null ? {} : { commandTimeoutMs: invocation.commandTimeoutMs }),
      ...(invocation.memoryMib === null ? {} : { memoryMib: invocation.memoryMib }),
      ...(invocation.showConsole ? { onConsoleLine: say } : {}),
      ...{ stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
    });
    say(`ended with ${exitCode} after ${(totalMs / 1000).toFixed(1)} s; results in ${resultsDirectory}`);
    return exitCode;
  } finally {
    terminal?.setRawMode(false);
  }
}

/** A directory of its own for each run: two labs at once write to two. */
async function chooseResultsDirectory(invocation: LabInvocation): Promise<string> {
  if (invocation.resultsDirectory !== null) return resolve(invocation.resultsDirectory);
  const time = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const directory = join(packageDirectory(), "build/lab", `${time}-${process.pid}`);
  await mkdir(directory, { recursive: true });
  return directory;
}

function wordEnd(error: unknown): number {
  if (error instanceof Interrupted) {
    say(error.message);
    return error.exitCode;
  }
  if (error instanceof BulkheadError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.internal;
}

// Exit, not exitCode: whatever is still running (a build beside the one that failed) is to end now.
process.exit(await main().catch(wordEnd));
