import { BulkheadError, EXIT, type ExitCode } from "../errors/index.js";
import { escapeControls } from "../text/index.js";

/** Words a failure on stderr and returns the exit code. What is not ours to raise is a bug, and shows its stack. */
export function reportFailure(error: unknown): ExitCode {
  if (error instanceof BulkheadError) {
    process.stderr.write(`bulkhead: ${escapeControls(error.message)}\n`);
    return error.exitCode;
  }
  return reportBug(error);
}

/** What nobody foresaw, whatever its class: with its stack. */
function reportBug(error: unknown): ExitCode {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bulkhead: internal error, please report it\n${escapeControls(stack)}\n`);
  return EXIT.internal;
}

/**
 * What is thrown where no command waits for it, rejections that nobody handles included, ends the program as a bug of ours does;
 * Node by itself would print what an untrusted process may have had a hand in, and end with 1, which means findings.
 */
export function endOnUncaught(): void {
  process.on("uncaughtException", (error) => process.exit(reportBug(error)));
}
