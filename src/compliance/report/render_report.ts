import { type CaseOutcome, type CaseReport, type ReportedCase, writeJunit, writeSarif, writeTap } from "../../report/index.js";
import { type ComplianceReport, countVerdicts, type ReportedControl, type Verdict } from "./compliance_report.js";
import { writeHtml } from "./html_page.js";

/** Formats of `bulkhead comply --format`. */
export const REPORT_FORMATS = ["json", "junit", "tap", "sarif", "html"] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What a format tells of a control beyond how it ended. */
export interface ControlText {
  readonly title: string;
  /** What an attacker gains where it fails. */
  readonly threat: string;
}

/** `texts`: of every control that ran, by id. */
export function renderReport(report: ComplianceReport, format: ReportFormat, texts: ReadonlyMap<string, ControlText>): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(report, null, 2)}\n`;
    case "junit":
      return writeJunit(caseReport(report));
    case "tap":
      return writeTap(caseReport(report));
    case "sarif":
      return renderSarif(report, texts);
    case "html":
      return writeHtml(report, texts);
  }
}

/**
 * Facts of the host and the policies by name, one line each. Every format carries them: a report says what it is about.
 */
export function reportFacts({ tool, profile, time, host, mutation }: ComplianceReport): Record<string, string> {
  const noticed = mutation === null ? "not measured with these policies" : wordMutation(mutation);
  return {
    tool: `${tool.name} ${tool.version}`,
    profile,
    time,
    kernel: host.kernel,
    "security modules": host.securityModules?.join(", ") ?? "securityfs is not mounted",
    qemu: host.qemu,
    libc: host.libc,
    ...Object.fromEntries(Object.entries(host.policies).map(([role, sha256]) => [`policy ${role}`, sha256])),
    ...Object.fromEntries(Object.entries(host.layers).map(([layer, status]) => [`layer ${layer}`, status])),
    mutation: noticed,
  };
}

function wordMutation({ mutants, equivalent, noticed }: NonNullable<ComplianceReport["mutation"]>): string {
  return `${noticed} of ${mutants - equivalent} mutants noticed, ${equivalent} more proved equivalent`;
}

/** Where nothing may be unmet, an unmet control is no skipped one. */
function outcomeOf(verdict: Verdict, profile: ComplianceReport["profile"]): CaseOutcome {
  if (verdict === "unmet") return profile === "lab" ? "failed" : "skipped";
  return verdict === "broken" ? "error" : verdict;
}

function caseReport(report: ComplianceReport): CaseReport {
  const cases = report.controls.map((control): ReportedCase => {
    const outcome = outcomeOf(control.verdict, report.profile);
    return {
      group: control.role,
      name: `${control.id} ${control.title}`,
      outcome,
      message: outcome === "passed" ? "" : sayWhy(control),
      details: control.evidence,
    };
  });
  return { name: `bulkhead comply, profile ${report.profile}`, properties: reportFacts(report), cases };
}

/** One line: how a control that did not pass ended, and the first thing that was seen. */
export function sayWhy({ verdict, evidence }: ReportedControl): string {
  return `${verdict}: ${evidence[0] ?? "nothing was seen"}`;
}

function renderSarif(report: ComplianceReport, texts: ReadonlyMap<string, ControlText>): string {
  const failing = report.controls.filter(({ verdict }) => ["failed", "error"].includes(outcomeOf(verdict, report.profile)));
  const ids = [...new Set(report.controls.map(({ id }) => id))];
  return writeSarif({
    tool: report.tool,
    rules: ids.map((id) => ({
      id,
      title: texts.get(id)?.title ?? id,
      why: texts.get(id)?.threat ?? "",
      remedy: `Run: bulkhead comply explain ${id}`,
    })),
    findings: failing.map((control) => ({
      ruleId: control.id,
      level: "error" as const,
      message: [sayWhy(control), ...control.evidence.slice(1)].join("\n"),
      subject: control.role,
    })),
    properties: { facts: reportFacts(report), verdicts: countVerdicts(report.controls) },
  });
}
