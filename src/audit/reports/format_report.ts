import { writeJunit, writeTap } from "../../report/index.js";
import type { AuditReport } from "../report.js";
import { toCases } from "./cases.js";
import { formatHtml } from "./html/page.js";
import { formatHuman } from "./human.js";
import { formatJson } from "./report_json.js";
import { formatSarif } from "./sarif.js";

/** What decides how a report is written besides the report itself. */
export interface FormatOptions {
  /** Version of this program. */
  readonly version: string;
  /** More than one screen: every finding in full. For `human`. */
  readonly details: boolean;
  /** With what the target's files grant, each traced to its rule. */
  readonly grants: boolean;
}

/** Every format of `bulkhead audit --format`. */
const FORMATTERS = {
  human: formatHuman,
  json: formatJson,
  sarif: formatSarif,
  junit: (report) => writeJunit(toCases(report)),
  tap: (report) => writeTap(toCases(report)),
  html: formatHtml,
} as const satisfies Readonly<Record<string, (report: AuditReport, options: FormatOptions) => string>>;

export type ReportFormat = keyof typeof FORMATTERS;
export const REPORT_FORMATS = Object.keys(FORMATTERS) as readonly ReportFormat[];

/** A report as text, which ends with a newline and holds nothing that acts on a terminal. */
export function formatReport(report: AuditReport, format: ReportFormat, options: FormatOptions): string {
  return FORMATTERS[format](report, options);
}
