import type { CaseReport, ReportedCase } from "../../report/index.js";
import { printable } from "../../text/index.js";
import { CHECKS } from "../checks/index.js";
import type { Finding } from "../finding.js";
import type { AuditReport } from "../report.js";

/** What readers of CI systems list the cases under. */
const GROUP = "bulkhead.audit";

/**
 * A report as judgements that passed or did not: the reading of the target, and each check. A check with findings failed; one
 * without an answer is an error, which is never a pass.
 */
export function toCases({ target, findings, unknown }: AuditReport): CaseReport {
  const cases = CHECKS.map(({ id, title }) => {
    const found = findings.filter((finding) => finding.id === id).map(wordFinding);
    return judge(`${id}: ${title}`, found, wordUnknown(unknown, id));
  });
  const read = judge("target-read: the target was read", [], wordUnknown(unknown, null));
  return { name: `bulkhead audit ${printable(target)}`, properties: {}, cases: [read, ...cases] };
}

function judge(name: string, failures: readonly string[], unknowns: readonly string[]): ReportedCase {
  const details = [...failures, ...unknowns];
  const outcome = failures.length > 0 ? "failed" : unknowns.length > 0 ? "error" : "passed";
  return { group: GROUP, name, outcome, message: details[0] ?? "", details };
}

function wordFinding({ severity, subject, evidence, remedy, location }: Finding): string {
  const place = location === undefined ? "" : `${location.file}:${location.line}: `;
  return printable(`${severity}: ${place}${subject}: ${evidence}. ${remedy}`);
}

function wordUnknown(unknown: AuditReport["unknown"], id: string | null): string[] {
  return unknown.filter((one) => one.id === id).map(({ subject, why }) => printable(`unknown: ${subject}: ${why}`));
}
