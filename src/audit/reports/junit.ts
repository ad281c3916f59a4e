import { printable } from "../../text/index.js";
import { CHECKS } from "../checks/index.js";
import type { AuditReport } from "../report.js";

/** One suite, one case for each check, as CI systems read it: a check with findings failed, one without an answer is an error. */
export function formatJunit(report: AuditReport): string {
  const cases = CHECKS.map(({ id, title }) => {
    const failures = report.findings
      .filter((finding) => finding.id === id)
      .map(({ severity, subject, evidence, remedy, location }) => {
        const place = location === undefined ? "" : `${location.file}:${location.line}: `;
        return `<failure type=${attribute(severity)} message=${attribute(`${subject}: ${evidence}`)}>${text(`${place}${remedy}`)}</failure>`;
      });
    const errors = report.unknown
      .filter((unknown) => unknown.id === id)
      .map(({ subject, why }) => `<error type="unknown" message=${attribute(`${subject}: ${why}`)}/>`);
    return { name: `${id}: ${title}`, failures, errors };
  });
  const unread = report.unknown
    .filter(({ id }) => id === null)
    .map(({ subject, why }) => `<error type="unknown" message=${attribute(`${subject}: ${why}`)}/>`);
  if (unread.length > 0) cases.push({ name: "reading the target", failures: [], errors: unread });
  const count = (kind: "failures" | "errors"): number => cases.filter((one) => one[kind].length > 0).length;
  const counts = `tests="${cases.length}" failures="${count("failures")}" errors="${count("errors")}"`;
  const lines = cases.map(({ name, failures, errors }) => {
    const inner = [...failures, ...errors];
    const open = `    <testcase classname="bulkhead.audit" name=${attribute(name)}`;
    return inner.length === 0 ? `${open}/>` : `${open}>\n${inner.map((one) => `      ${one}`).join("\n")}\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name=${attribute(`bulkhead audit ${report.target}`)} ${counts}>`,
    ...lines,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** XML 1.0 has no place for most control characters, not even as entities: they are written out. */
function text(value: string): string {
  return printable(value).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

function attribute(value: string): string {
  return `"${text(value)}"`;
}
