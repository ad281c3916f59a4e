/** How much a finding matters, from the least to the most. */
export const SEVERITIES = ["low", "medium", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Whether `a` matters at least as much as `b`. */
export function isAtLeast(a: Severity, b: Severity): boolean {
  return SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b);
}

/** A place in a file, 1-based; `file` as it was named. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column?: number;
}

/** Something that a check found. Part of the JSON report: members are added, never renamed. */
export interface Finding {
  /** Id of the check. */
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  /** The exact object: a process, a thread, a rule, an fd. May hold what an untrusted process wrote. */
  readonly subject: string;
  /** What was read, and from where. Likewise untrusted. */
  readonly evidence: string;
  /** A command, or a line of a policy. */
  readonly remedy: string;
  /** Where in a file it can be changed; absent where no file says it. */
  readonly location?: Location;
}

/** What could not be read or decided; never taken as fine. */
export interface Unknown {
  /** Id of the check that has no answer; null where no check could even be asked. */
  readonly id: string | null;
  readonly subject: string;
  /** What was tried, and what answered. */
  readonly why: string;
}
