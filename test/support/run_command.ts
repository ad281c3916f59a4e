import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findReportFault, REPORTING_COMMANDS } from "../../src/cli/schemas/index.js";
import { buildRoot } from "./repository.js";

/** In a fixture's directory: the host file of its commands, so that what an operator permits on this host decides no test. */
export const TEST_HOST_FILE = "test-host.yaml";
/** Commands with the option --host-file. */
const READ_HOST_FILE: readonly (string | undefined)[] = ["run", "plan", "attach", "comply"];

function withHostFile(args: readonly string[], directory: string): readonly string[] {
  const path = join(directory, TEST_HOST_FILE);
  if (!READ_HOST_FILE.includes(args[0]) || args.includes("--host-file") || !existsSync(path)) return args;
  return [args[0] ?? "", "--host-file", path, ...args.slice(1)];
}

/** A finished command. `signal` is null unless one ended it. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface RunningCommand {
  readonly child: ChildProcess;
  readonly finished: Promise<CommandResult>;
  /** What it has written to standard output so far. */
  output(): string;
  /** The same of standard error. */
  errors(): string;
}

/** Starts `bulkhead` with arguments, as a user would, without standard input and with the fixture's own host file. */
export function startBulkhead(
  args: readonly string[],
  options: { readonly environment: NodeJS.ProcessEnv; readonly directory: string },
): RunningCommand {
  const child = spawn(process.execPath, [join(buildRoot, "bundle/cli/main.js"), ...withHostFile(args, options.directory)], {
    cwd: options.directory,
    env: options.environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const finished = new Promise<CommandResult>((resolve) => {
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  return { child, finished, output: () => stdout, errors: () => stderr };
}

/** Runs `bulkhead` to its end. What it prints with --json must be as its published schema says. */
export async function runBulkhead(
  args: readonly string[],
  options: { readonly environment: NodeJS.ProcessEnv; readonly directory: string },
): Promise<CommandResult> {
  const result = await startBulkhead(args, options).finished;
  const command = REPORTING_COMMANDS.find((name) => name === args[0]);
  if (command === undefined || !args.includes("--json") || result.stdout === "") return result;
  const fault = findReportFault(command, result.stdout);
  if (fault !== null) throw new Error(`bulkhead ${args.join(" ")} printed what its schema does not have: ${fault}`);
  return result;
}

/** Waits until `condition` holds; throws with `what` after `timeoutMs`. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
