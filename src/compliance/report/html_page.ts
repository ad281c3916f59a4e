import { escapeMarkup } from "../../report/index.js";
import { type ComplianceReport, countVerdicts, type LayerDepth, type ReportedControl, VERDICTS } from "./compliance_report.js";
import { type ControlText, reportFacts } from "./render_report.js";

const STYLE = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
  th, td { border: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
  .passed { color: #1a7f37; } .failed, .broken { color: #c62828; font-weight: bold; } .unmet { color: #9a6700; }
`;

/**
 * One page without scripts and without anything from elsewhere; its own policy says so to the browser, as what processes under
 * attack printed stands in it. Failures first.
 */
export function writeHtml(report: ComplianceReport, texts: ReadonlyMap<string, ControlText>): string {
  const counts = countVerdicts(report.controls);
  const summary = VERDICTS.map((verdict) => `<span class="${verdict}">${counts[verdict]} ${verdict}</span>`).join(", ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Bulkhead compliance, profile ${report.profile}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Bulkhead compliance, profile ${report.profile}</h1>
<p>${summary}</p>
<h2>What was judged</h2>
${table(["Fact", "Value"], Object.entries(reportFacts(report)).map(textRow))}
<h2>By role</h2>
${countTable(report.controls, "Role", ({ role }) => role)}
<h2>By layer</h2>
${countTable(report.controls, "Layer credited", ({ layer }) => layer ?? "none")}
<h2>Controls</h2>
${controlTable(report.controls, texts)}
${report.depth.length === 0 ? "" : depthSection(report.depth)}
${uncoveredSection(report)}
</body>
</html>
`;
}

function table(heads: readonly string[], rows: readonly string[]): string {
  const head = heads.map((text) => `<th>${escapeMarkup(text)}</th>`).join("");
  return `<table>\n<tr>${head}</tr>\n${rows.join("\n")}\n</table>`;
}

function textRow(cells: readonly (string | number)[]): string {
  return `<tr>${cells.map((cell) => `<td>${escapeMarkup(String(cell))}</td>`).join("")}</tr>`;
}

function countTable(controls: readonly ReportedControl[], head: string, keyOf: (control: ReportedControl) => string): string {
  const keys = [...new Set(controls.map(keyOf))].sort();
  const rows = keys.map((key) => {
    const counts = countVerdicts(controls.filter((control) => keyOf(control) === key));
    return textRow([key, ...VERDICTS.map((verdict) => counts[verdict])]);
  });
  return table([head, ...VERDICTS], rows);
}

function controlTable(controls: readonly ReportedControl[], texts: ReadonlyMap<string, ControlText>): string {
  const rank = ["failed", "broken", "unmet", "passed"];
  const sorted = [...controls].sort((a, b) => rank.indexOf(a.verdict) - rank.indexOf(b.verdict));
  const rows = sorted.map(({ id, title, role, verdict, layer, evidence }) => {
    const lines = evidence.map((line) => `<li>${escapeMarkup(line)}</li>`).join("");
    const threat = texts.get(id)?.threat ?? "";
    const open = verdict === "passed" ? "" : " open";
    const what = `<details${open}><summary>${escapeMarkup(title)}</summary><p>${escapeMarkup(threat)}</p><ul>${lines}</ul></details>`;
    const cells = [
      escapeMarkup(id),
      escapeMarkup(role),
      `<span class="${verdict}">${verdict}</span>`,
      escapeMarkup(layer ?? ""),
      what,
    ];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  return table(["Id", "Role", "Verdict", "Layer", "What, why, and what was seen"], rows);
}

function depthSection(depth: readonly LayerDepth[]): string {
  const rows = depth.flatMap(({ act, role, without, alone }) =>
    without.map(({ layer, refusedBy }) => {
      const refuses = alone.find((one) => one.layer === layer)?.refuses === true;
      return textRow([act, role, layer, refuses ? "yes" : "no", refusedBy ?? "nothing: the act succeeded"]);
    }),
  );
  return `<h2>Defence in depth</h2>\n${table(["Act", "Role", "Layer", "Refuses it alone", "Without it, refused by"], rows)}`;
}

function uncoveredSection({ mutation }: ComplianceReport): string {
  if (mutation === null || mutation.uncovered.length === 0) return "";
  const items = mutation.uncovered.map((id) => `<li>${escapeMarkup(id)}</li>`).join("\n");
  return `<h2>Weakenings that no control notices</h2>\n<ul>\n${items}\n</ul>`;
}
