import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { printableJson } from "../../text/index.js";
import { fingerprint } from "../baseline.js";
import { CHECKS } from "../checks/index.js";
import type { Finding, Severity } from "../finding.js";
import type { AuditReport } from "../report.js";
import type { FormatOptions } from "./format_report.js";

const SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";

/** The level of a result (SARIF 2.1.0, 3.27.10). */
const LEVELS: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  critical: "error",
  high: "error",
  medium: "warning",
  low: "note",
};

/** `security-severity` as code scanners read it: a CVSS-like number in a string. */
const SCORES: Readonly<Record<Severity, string>> = { critical: "9.5", high: "8.0", medium: "5.5", low: "3.0" };

/** A log with one run: rules are the checks, results the findings, exempted ones suppressed, unknowns are notifications. */
export function formatSarif(report: AuditReport, { version }: Pick<FormatOptions, "version">): string {
  const results = [
    ...report.findings.map((finding) => toResult(finding)),
    ...report.exempted.map(({ finding, exemption }) => ({
      ...toResult(finding),
      suppressions: [{ kind: "external", justification: `${exemption.reason} (until ${exemption.expires})` }],
    })),
  ];
  const run = {
    tool: { driver: { name: "bulkhead", version, rules: CHECKS.map(toRule) } },
    invocations: [{ executionSuccessful: true, toolExecutionNotifications: report.unknown.map(toNotification) }],
    results,
    properties: { target: report.target, exposure: report.exposure },
  };
  return `${printableJson({ $schema: SCHEMA, version: "2.1.0", runs: [run] }, 2)}\n`;
}

function toRule({ id, title, rationale, remedy, severity }: (typeof CHECKS)[number]): object {
  return {
    id,
    shortDescription: { text: title },
    fullDescription: { text: rationale },
    help: { text: remedy },
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { "security-severity": SCORES[severity], tags: ["security"] },
  };
}

function toResult(finding: Finding): object {
  const { id, severity, subject, evidence, remedy, title } = finding;
  return {
    ruleId: id,
    ruleIndex: CHECKS.findIndex((check) => check.id === id),
    level: LEVELS[severity],
    message: { text: `${title}: ${subject}: ${evidence}. ${remedy}` },
    locations: [toLocation(finding)],
    partialFingerprints: { "bulkheadFinding/v1": fingerprint(finding) },
    properties: { severity },
  };
}

/** A finding about no file names its object: a process, a filter in the kernel. */
function toLocation({ location, subject }: Finding): object {
  const logicalLocations = [{ fullyQualifiedName: subject }];
  if (location === undefined) return { logicalLocations };
  const { file, line, column } = location;
  const region = { startLine: line, ...(column === undefined ? {} : { startColumn: column }) };
  return { physicalLocation: { artifactLocation: { uri: toUri(file) }, region }, logicalLocations };
}

/** Relative names stay relative, so that a scanner finds them in its checkout. */
function toUri(file: string): string {
  return isAbsolute(file) ? pathToFileURL(file).href : file.split("/").map(encodeURIComponent).join("/");
}

function toNotification({ id, subject, why }: AuditReport["unknown"][number]): object {
  return { level: "warning", message: { text: `${subject}: ${why}` }, ...(id === null ? {} : { associatedRule: { id } }) };
}
