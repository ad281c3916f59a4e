import { BulkheadError, EXIT, type ExitCode } from "../errors/index.js";
import { escapeControls } from "../text/index.js";

/** Words a failure on stderr and returns the exit code. What is not ours to raise is a bug, and shows its stack. */
export function reportFailure(error: unknown): ExitCode {
  if (error instanceof BulkheadError) {
    process.stderr.write(`bulkhead: ${escapeControls(error.message)}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bulkhead: internal error, please report it\n${escapeControls(stack)}\n`);
  return EXIT.internal;
}
