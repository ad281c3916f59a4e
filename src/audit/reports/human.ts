import { escapeLine } from "../../text/index.js";
import { type Finding, SEVERITIES, type Severity } from "../finding.js";
import type { ProcessPicture } from "../picture.js";
import type { AuditReport } from "../report.js";
import type { FormatOptions } from "./format_report.js";

/** Findings of one check that the first screen names; --details names all. */
const SUBJECTS_SHOWN_MAX = 3;

/** One screen first: what is worst, and how much of it; everything with `details`. All that is shown is escaped. */
export function formatHuman(report: AuditReport, { details, grants }: Pick<FormatOptions, "details" | "grants">): string {
  const lines = [wordTotal(report)];
  for (const severity of SEVERITIES.toReversed()) {
    const findings = report.findings.filter((finding) => finding.severity === severity);
    for (const group of groupById(findings)) lines.push("", ...wordGroup(severity, group, details));
  }
  if (report.unknown.length > 0) lines.push("", "UNKNOWN, which is not taken as fine:");
  for (const { subject, why, id } of report.unknown) lines.push(`  ${subject}: ${why}${id === null ? "" : ` (${id})`}`);
  for (const { finding, exemption } of details ? report.exempted : [])
    lines.push("", `EXEMPTED until ${exemption.expires}  ${finding.id}: ${finding.subject}`, `  ${exemption.reason}`);
  if (details) lines.push("", ...wordExposures(report));
  if (details && report.picture !== null) lines.push("", ...report.picture.processes.flatMap(wordFds));
  if (grants) lines.push("", "GRANTED", ...report.grants.map(wordGrant));
  if (!details && report.findings.length > 0)
    lines.push("", "--details tells all; bulkhead audit explain ID tells about a check.");
  return `${lines.map(escapeLine).join("\n")}\n`;
}

function wordTotal({ target, exposure, findings, unknown, exempted, known }: AuditReport): string {
  const counts = SEVERITIES.toReversed()
    .map((severity) => [findings.filter((finding) => finding.severity === severity).length, severity] as const)
    .filter(([count]) => count > 0)
    .map(([count, severity]) => `${count} ${severity}`);
  const total = [counts.length === 0 ? "no findings" : `findings: ${counts.join(", ")}`];
  if (unknown.length > 0) total.push(`${unknown.length} unknown`);
  if (exempted.length > 0) total.push(`${exempted.length} exempted`);
  if (known > 0) total.push(`${known} in the baseline`);
  return `${target}: exposure ${exposure === null ? "unknown" : `${exposure.toFixed(1)} of 10`}; ${total.join("; ")}`;
}

function groupById(findings: readonly Finding[]): Finding[][] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) groups.set(finding.id, [...(groups.get(finding.id) ?? []), finding]);
  return [...groups.values()];
}

function wordGroup(severity: Severity, findings: readonly Finding[], details: boolean): string[] {
  const [first] = findings as [Finding];
  const lines = [`${severity.toUpperCase().padEnd(8)}  ${first.title} (${first.id})`];
  const shown = details ? findings : findings.slice(0, SUBJECTS_SHOWN_MAX);
  for (const { subject, evidence, location, remedy } of shown) {
    const place = location === undefined ? "" : `${location.file}:${location.line}: `;
    lines.push(`  ${place}${subject}: ${evidence}`);
    if (details) lines.push(`    ${remedy}`);
  }
  if (findings.length > shown.length) lines.push(`  and ${findings.length - shown.length} more`);
  if (!details) lines.push(`  -> ${first.remedy}`);
  return lines;
}

function wordExposures({ exposures }: AuditReport): string[] {
  return exposures.flatMap(({ subject, figure, shares }) => [
    `EXPOSURE of ${subject}: ${figure?.toFixed(1) ?? "unknown"}`,
    ...shares
      .filter(({ granted }) => granted > 0)
      .map(({ item, weight, granted }) => `  ${String(Math.round(weight * granted)).padStart(5)} of ${weight}  ${item}`),
  ]);
}

function wordFds({ id, fds }: ProcessPicture): string[] {
  const lines = fds.map(({ fd, kind, access, object, label, peer }) => {
    const more = [...(label === null ? [] : [`label ${label}`]), ...(peer === null ? [] : [`other end: ${peer}`])];
    return `  ${String(fd).padStart(4)} ${access.padEnd(4)} ${[`${kind} ${object}`, ...more].join("; ")}`;
  });
  return [`OPEN FDS of ${id}: ${fds.length}`, ...lines];
}

function wordGrant({ subject, grant, from, why }: AuditReport["grants"][number]): string {
  return `  ${subject}: ${grant}  (${from}: ${why})`;
}
