import type { CaseOutcome, CaseReport, ReportedCase } from "./case.js";
import { escapeMarkup } from "./markup.js";

/** JUnit XML as CI systems read it: one suite for each group, in the order in which groups first appear. */
export function writeJunit({ name, properties, cases }: CaseReport): string {
  const groups = [...new Set(cases.map(({ group }) => group))];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name, ...countOf(cases) })}>`,
    ...groups.flatMap((group) => writeSuite(group, properties, cases)),
    "</testsuites>",
    "",
  ].join("\n");
}

function writeSuite(group: string, properties: CaseReport["properties"], cases: readonly ReportedCase[]): string[] {
  const own = cases.filter((one) => one.group === group);
  const opening = `  <testsuite ${attributes({ name: group, ...countOf(own) })}>`;
  return [opening, ...writeProperties(properties), ...own.flatMap(writeCase), "  </testsuite>"];
}

function countOf(cases: readonly ReportedCase[]): Record<string, string> {
  const ended = (outcome: CaseOutcome): string => String(cases.filter((one) => one.outcome === outcome).length);
  return { tests: String(cases.length), failures: ended("failed"), errors: ended("error"), skipped: ended("skipped") };
}

function writeProperties(properties: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(properties);
  if (entries.length === 0) return [];
  const lines = entries.map(([name, value]) => `      <property ${attributes({ name, value })}/>`);
  return ["    <properties>", ...lines, "    </properties>"];
}

/** Elements by which the format tells how a case ended. */
const ELEMENTS = { failed: "failure", error: "error", skipped: "skipped" } as const;

function writeCase({ group, name, outcome, message, details }: ReportedCase): string[] {
  const opening = `    <testcase ${attributes({ classname: group, name })}`;
  if (outcome === "passed" && details.length === 0) return [`${opening}/>`];
  const said = escapeMarkup(details.join("\n"));
  const inner = outcome === "passed" ? `<system-out>${said}</system-out>` : writeOutcome(ELEMENTS[outcome], message, said);
  return [`${opening}>`, `      ${inner}`, "    </testcase>"];
}

function writeOutcome(element: string, message: string, said: string): string {
  const opening = `<${element} ${attributes({ message })}`;
  return said === "" ? `${opening}/>` : `${opening}>${said}</${element}>`;
}

/** A line break in an attribute would be read as a space: XML 1.0, 3.3.3. */
function attributes(values: Readonly<Record<string, string>>): string {
  const quoted = (value: string): string => escapeMarkup(value).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;");
  return Object.entries(values)
    .map(([name, value]) => `${name}="${quoted(value)}"`)
    .join(" ");
}
