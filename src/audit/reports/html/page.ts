import type { ProcessPicture } from "../../picture.js";
import type { AuditReport } from "../../report.js";
import type { FormatOptions } from "../format_report.js";
import { drawGraph } from "./graph_svg.js";
import { drawMatrix } from "./isolation_matrix.js";
import { html, type Markup } from "./markup.js";
import { STYLE } from "./style.js";

const FIGURE_MAX = 10;
const PERCENT = 100;

/**
 * One page that loads nothing and needs no script. Whatever was read of a process is escaped; should that ever fail, the page's own
 * policy lets no script run and nothing be fetched.
 */
export function formatHtml(report: AuditReport, { version, grants }: Pick<FormatOptions, "version" | "grants">): string {
  const { target, picture } = report;
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Audit of ${target}</title>
${STYLE}
</head>
<body>
<h1>Audit of ${target}</h1>
<p>${wordTotal(report)}</p>
${picture === null ? null : html`<h2 id="graph">Processes and what flows between them</h2>${drawGraph(picture)}`}
<h2 id="findings">Findings</h2>
${findingsTable(report)}
${report.unknown.length === 0 ? null : unknownTable(report)}
<h2 id="exposure">Exposure</h2>
${exposureTable(report)}
${picture === null ? null : html`<h2 id="matrix">Isolation: what each two processes share</h2>${drawMatrix(picture)}`}
${picture === null ? null : html`<h2 id="fds">Open fds</h2>${picture.processes.map(fdTable)}`}
${grants && report.grants.length > 0 ? grantsTable(report) : null}
<p class="nothing">bulkhead ${version}. docs/audit.md tells how the figure is made.</p>
</body>
</html>
`.text;
}

function wordTotal({ exposure, findings, unknown, exempted, known }: AuditReport): string {
  const figure = exposure === null ? "unknown" : `${exposure.toFixed(1)} of ${FIGURE_MAX}`;
  const more = [
    ...(exempted.length > 0 ? [`${exempted.length} exempted`] : []),
    ...(known > 0 ? [`${known} in the baseline`] : []),
  ];
  return [`Exposure ${figure}`, `${findings.length} findings`, `${unknown.length} unknown`, ...more].join("; ");
}

function findingsTable({ findings }: AuditReport): Markup {
  if (findings.length === 0) return html`<p class="nothing">None.</p>`;
  const rows = findings.map(({ id, severity, title, subject, evidence, remedy, location }) => {
    const place = location === undefined ? null : html`<br><code>${location.file}:${location.line}</code>`;
    return html`<tr><td class="severity ${severity}">${severity}</td><td>${title}<br><code>${id}</code></td><td>${subject}${place}</td><td>${evidence}</td><td>${remedy}</td></tr>
`;
  });
  return html`<table class="findings"><thead><tr><th>Severity</th><th>What</th><th>Where</th><th>Evidence</th><th>Remedy</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

function unknownTable({ unknown }: AuditReport): Markup {
  const rows = unknown.map(
    ({ id, subject, why }) => html`<tr><td>${subject}</td><td>${why}</td><td><code>${id ?? ""}</code></td></tr>
`,
  );
  return html`<h2 id="unknown">Unknown, which is not taken as fine</h2>
<table><thead><tr><th>Where</th><th>Why</th><th>Check</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function exposureTable({ exposures }: AuditReport): Markup {
  if (exposures.length === 0) return html`<p class="nothing">Nothing of it could be read.</p>`;
  const rows = exposures.map(({ subject, figure }) => {
    const bar =
      figure === null ? null : html`<div class="bar"><span style="width: ${(figure / FIGURE_MAX) * PERCENT}%"></span></div>`;
    return html`<tr><td>${subject}</td><td>${figure === null ? "unknown" : figure.toFixed(1)}</td><td>${bar}</td></tr>
`;
  });
  return html`<table><thead><tr><th>Part</th><th>0 to ${FIGURE_MAX}</th><th></th></tr></thead><tbody>${rows}</tbody></table>`;
}

function fdTable({ id, pid, command, uid, threads, fds }: ProcessPicture): Markup {
  const rows = fds.map(({ fd, kind, access, object, label, peer }) => {
    return html`<tr><td>${fd}</td><td>${kind}</td><td>${access}</td><td><code>${object}</code></td><td>${label ?? ""}</td><td>${peer ?? ""}</td></tr>
`;
  });
  return html`<details><summary>${id}: process ${pid} (${command}), uid ${uid ?? "unknown"}, ${threads} threads, ${fds.length} fds</summary>
<table><thead><tr><th>fd</th><th>Kind</th><th>Access</th><th>Object</th><th>Label</th><th>Other end</th></tr></thead><tbody>${rows}</tbody></table></details>
`;
}

function grantsTable({ grants }: AuditReport): Markup {
  const rows = grants.map(
    ({
      subject,
      grant,
      from,
      why,
    }) => html`<tr><td>${subject}</td><td>${grant}</td><td><code>${from}</code></td><td>${why}</td></tr>
`,
  );
  return html`<h2 id="grants">What is granted</h2>
<table><thead><tr><th>To</th><th>What</th><th>By</th><th>Why</th></tr></thead><tbody>${rows}</tbody></table>`;
}
