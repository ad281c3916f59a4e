/**
 * Exit codes of the `bulkhead` command. They are API: scripts branch on them.
 * Documented in README.md, "Exit codes".
 */
export const EXIT = {
  clean: 0,
  findings: 1,
  badInput: 2,
  hostCannot: 3,
  /** A process of the VM died or hung: a device or the VMM. */
  processDied: 4,
  intrusion: 5,
  internal: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What every failure says, in this order: what was tried, on what, what answered, what to do. */
export interface Failure {
  /** Stable kebab-case name that callers branch on, never on the text. */
  readonly code: string;
  /** What was tried, as a sentence without a full stop: `Cannot start disk process "disk0"`. */
  readonly tried: string;
  /** The object it was tried on: a path, a process id, a device id. */
  readonly subject: string;
  /** What the kernel or the other program answered: `pivot_root: EPERM`. */
  readonly answer?: string | undefined;
  /** What the reader can do, as a full sentence. */
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** Base of all errors that Bulkhead raises on purpose. Anything else that surfaces is a bug of ours (exit 70). */
export abstract class BulkheadError extends Error {
  readonly code: string;
  readonly subject: string;
  readonly remedy: string | undefined;
  /** How the command ends when nobody handles this error. */
  abstract readonly exitCode: ExitCode;

  constructor(failure: Failure) {
    super(wordFailure(failure), failure.cause === undefined ? undefined : { cause: failure.cause });
    this.name = new.target.name;
    this.code = failure.code;
    this.subject = failure.subject;
    this.remedy = failure.remedy;
  }
}

/** The one place that turns a failure into a sentence: `TRIED: ANSWER. REMEDY`. */
export function wordFailure(failure: Failure): string {
  const answered = failure.answer === undefined ? failure.tried : `${failure.tried}: ${failure.answer}`;
  const sentence = /[.!?]$/.test(answered) ? answered : `${answered}.`;
  return failure.remedy === undefined ? sentence : `${sentence} ${failure.remedy}`;
}
