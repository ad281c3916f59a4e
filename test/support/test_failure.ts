import { inspect } from "node:util";

/**
 * A failure in the one form that uvu can always print. uvu loses a test that throws anything but an Error: its printing
 * of the failure throws, and the suite ends green.
 */
export class TestFailure extends Error {
  /** The difference as uvu/assert words it. */
  readonly details: string;

  /** `where` names the hook that failed; the default is the test itself. */
  constructor(thrown: unknown, where: string | null = null) {
    const said = wordThrown(thrown);
    super(where === null ? said : `${where} failed: ${said}`);
    this.name = "TestFailure";
    const { stack, details } = thrown instanceof Error ? (thrown as Error & { details?: unknown }) : {};
    this.stack = typeof stack === "string" ? stack : `${this.name}: ${this.message}\n`;
    this.details = typeof details === "string" ? details : "";
  }
}

function wordThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `threw ${inspect(thrown)}, which is not an Error`;
  return thrown.cause === undefined ? thrown.message : `${thrown.message} (cause: ${wordCause(thrown.cause)})`;
}

function wordCause(cause: unknown): string {
  return cause instanceof Error ? cause.message : inspect(cause);
}
