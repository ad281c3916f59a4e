import { readFileSync } from "node:fs";
import {
  CHECKS,
  formatReport,
  makeReport,
  parseBaseline,
  parseExemptions,
  type ReportFormat,
  reportFails,
  type Severity,
} from "../../audit/index.js";
import { EXIT, SpecError } from "../../errors/index.js";
import { VERSION } from "../installation.js";
import { writeOutput } from "../seccomp/read_input.js";
import { readTarget, type TargetOptions } from "./read_target.js";

/** What follows `bulkhead audit TARGET`. */
export interface AuditOptions extends TargetOptions {
  readonly format: ReportFormat;
  readonly output?: string;
  readonly failOn: Severity;
  readonly failOnUnknown?: boolean;
  readonly baseline?: string;
  readonly exemptions?: string;
  readonly details?: boolean;
}

/** `2026-11-22` in UTC. */
const DAY_LENGTH = 10;

/** Reads everything that can be bad input first, then the target; writes one report. */
export async function runAudit(target: string | undefined, options: AuditOptions): Promise<void> {
  const ids = CHECKS.map(({ id }) => id);
  const exemptions =
    options.exemptions === undefined
      ? []
      : parseExemptions({ file: options.exemptions, text: readText(options.exemptions), ids });
  const baseline = options.baseline === undefined ? null : parseBaseline(options.baseline, readText(options.baseline));
  const read = await readTarget(target, options);
  const today = new Date().toISOString().slice(0, DAY_LENGTH);
  const report = makeReport(read, { exemptions, baseline, today });
  const [details, grants] = [options.details === true, options.grants === true];
  writeOutput(options.output ?? "-", formatReport(report, options.format, { version: VERSION, details, grants }));
  if (reportFails(report, { severity: options.failOn, unknown: options.failOnUnknown === true }))
    process.exitCode = EXIT.findings;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new SpecError({
      code: "input-unreadable",
      tried: `Cannot read ${file}`,
      subject: file,
      answer: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
