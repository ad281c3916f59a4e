import { escapeLine } from "../../text/index.js";
import { CHECKS } from "../checks/index.js";
import type { AuditReport } from "../report.js";

/** TAP 14 with one plan: a test for each check, and one for the reading of the target. */
export function formatTap(report: AuditReport): string {
  const lines = ["TAP version 14", `1..${CHECKS.length + 1}`];
  const unread = report.unknown.filter(({ id }) => id === null);
  lines.push(
    ...wordTest(
      1,
      "the target was read",
      unread.map(({ subject, why }) => `unknown: ${subject}: ${why}`),
    ),
  );
  for (const [index, { id, title }] of CHECKS.entries()) {
    const problems = [
      ...report.findings
        .filter((finding) => finding.id === id)
        .map(({ severity, subject, evidence }) => `${severity}: ${subject}: ${evidence}`),
      ...report.unknown.filter((unknown) => unknown.id === id).map(({ subject, why }) => `unknown: ${subject}: ${why}`),
    ];
    lines.push(...wordTest(index + 2, `${id} ${title}`, problems));
  }
  return `${lines.join("\n")}\n`;
}

/** Problems are comments: a plain reader shows them, and nothing in them is taken for a test. */
function wordTest(number: number, name: string, problems: readonly string[]): string[] {
  // A "#" would begin a directive.
  const safe = escapeLine(name).replaceAll("#", "\\#");
  return [
    `${problems.length === 0 ? "ok" : "not ok"} ${number} - ${safe}`,
    ...problems.map((problem) => `# ${escapeLine(problem)}`),
  ];
}
