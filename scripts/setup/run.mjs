import { spawnSync } from "node:child_process";
import { REPOSITORY } from "../repository.mjs";

/** Lines shown of a failed command's output, from either end: npm says the reason first, compilers and apt last. */
const HEAD_LINES = 10;
const TAIL_LINES = 30;

/** A set-up step that failed, in words for the person who runs it. `exitCode` as in src/errors: 3 when this host lacks something. */
export class SetupError extends Error {
  constructor(message, { exitCode = 1 } = {}) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Tells what is being done. Goes to stderr, so that a program started after set-up has stdout to itself. */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/** Runs a command to its end, quietly. Throws SetupError with what was tried and the end of its output when it fails. */
export function run(purpose, [program, ...args], { cwd = REPOSITORY, env = {} } = {}) {
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 256 * 1024 * 1024,
  });
  if (error === undefined && status === 0) return stdout;
  const ended = error?.message ?? (signal === null ? `exit code ${status}` : `killed by ${signal}`);
  throw new SetupError(
    `Cannot ${purpose}: ${[program, ...args].join(" ")} (in ${cwd}): ${ended}.\n${abridge(`${stdout ?? ""}${stderr ?? ""}`)}`,
  );
}

function abridge(output) {
  const lines = output.trimEnd().split("\n");
  if (lines.length <= HEAD_LINES + TAIL_LINES) return lines.join("\n");
  return [...lines.slice(0, HEAD_LINES), "[...]", ...lines.slice(-TAIL_LINES)].join("\n");
}
