/**
 * How one judgement ended. `skipped`: it could not be asked here, which is no failure; `error`: it was asked and gave no answer,
 * which is never a pass.
 */
export type CaseOutcome = "passed" | "failed" | "skipped" | "error";

/** One thing that was judged, as the formats that CI systems read know it. */
export interface ReportedCase {
  /** What it is listed under, as a role or a target. */
  readonly group: string;
  /** Begins with the stable id. */
  readonly name: string;
  readonly outcome: CaseOutcome;
  /** One line: why it did not pass; empty when it did. */
  readonly message: string;
  /** What was seen, a line each. */
  readonly details: readonly string[];
}

/** A whole run. */
export interface CaseReport {
  readonly name: string;
  /** About the host and the run, for readers; names and values are free text. */
  readonly properties: Readonly<Record<string, string>>;
  readonly cases: readonly ReportedCase[];
}
