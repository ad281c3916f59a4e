import { writeFileSync } from "node:fs";

/** What one test came to. `unmet` counts as skipped: the machine lacks what the suite declared it needs. */
export interface TestResult {
  readonly suite: string;
  readonly test: string;
  readonly outcome: "passed" | "failed" | "unmet";
  /** Why it failed, or `NEED (reason)` of an unmet need; absent when it passed. */
  readonly message?: string;
  readonly durationMs: number;
}

/** The file that a test process leaves for the runner (scripts/test/run_file.mjs reads it). */
export interface TestReport {
  readonly schemaVersion: 1;
  readonly results: readonly TestResult[];
}

/** Names the report file of this process; set by the runner, absent when a test file is run by hand. */
const REPORT_VARIABLE = "BULKHEAD_TEST_REPORT";

const reportFile = process.env[REPORT_VARIABLE];
// Programs that a test starts must not write into their parent's report.
delete process.env[REPORT_VARIABLE];

/** Writes the report, synchronously because the process is about to exit. Does nothing when no runner asked for one. */
export function writeReport(results: readonly TestResult[]): void {
  if (reportFile === undefined) return;
  const report: TestReport = { schemaVersion: 1, results };
  writeFileSync(reportFile, JSON.stringify(report));
}
