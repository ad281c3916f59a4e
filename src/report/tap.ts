import type { CaseReport, ReportedCase } from "./case.js";

/** TAP version 14 with one plan, first, so that a stream that was cut short is noticed. */
export function writeTap({ name, properties, cases }: CaseReport): string {
  const facts = Object.entries({ report: name, ...properties }).map(([key, value]) => `# ${oneLine(`${key}: ${value}`)}`);
  return ["TAP version 14", `1..${cases.length}`, ...facts, ...cases.flatMap(writeCase), ""].join("\n");
}

function writeCase({ group, name, outcome, message, details }: ReportedCase, index: number): string[] {
  const point = `${index + 1} - ${escapeDescription(`${group}: ${name}`)}`;
  if (outcome === "skipped") return [`ok ${point} # SKIP ${escapeDescription(message)}`];
  if (outcome === "passed") return [`ok ${point}`];
  return [
    `not ok ${point}`,
    "  ---",
    `  message: ${quote(message)}`,
    `  severity: ${outcome}`,
    ...writeDetails(details),
    "  ...",
  ];
}

function writeDetails(details: readonly string[]): string[] {
  return details.length === 0 ? [] : ["  details:", ...details.map((line) => `    - ${quote(line)}`)];
}

/** JSON's strings are YAML's double-quoted ones: YAML 1.2, 1.3. */
function quote(text: string): string {
  return JSON.stringify(text);
}

/** `#` begins a directive, unless escaped: TAP 14, Test points. */
function escapeDescription(text: string): string {
  return oneLine(text).replaceAll("\\", "\\\\").replaceAll("#", "\\#");
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
