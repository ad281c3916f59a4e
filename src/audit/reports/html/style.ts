import { html } from "./markup.js";

/** The page's only style: nothing is loaded from anywhere. */
export const STYLE = html`<style>
:root { color-scheme: light; --critical: #7b1fa2; --high: #b71c1c; --medium: #b35900; --low: #33691e; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 2rem auto; max-width: 78rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { border: 1px solid #d0d7de; padding: 0.3rem 0.5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #f3f5f7; } code { font: 0.86rem ui-monospace, monospace; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } .matrix td { font-size: 0.75rem; min-width: 5rem; } .matrix .self { background: #e6e9ec; }
.critical { color: var(--critical); } .high { color: var(--high); } .medium { color: var(--medium); } .low { color: var(--low); }
.severity { font-weight: 700; white-space: nowrap; } .shared { background: #fff4e0; } .nothing { color: #57606a; }
.bar { background: #e6e9ec; width: 14rem; height: 0.7rem; } .bar > span { display: block; height: 100%; background: #47617d; }
svg text { font: 12px system-ui, sans-serif; fill: #1b1f24; } svg .edge text { font-size: 10.5px; fill: #38424d; }
svg rect { fill: #eef3f8; stroke: #47617d; } svg .outside rect { fill: #fff4e0; stroke: #b35900; } svg .backend rect { fill: #f6f8f4; stroke: #6b7f5c; }
svg line { stroke: #47617d; stroke-width: 1.2; } svg .undeclared line { stroke: #b71c1c; stroke-width: 2.2; stroke-dasharray: 6 4; }
svg .undeclared text { fill: #b71c1c; font-weight: 700; }
</style>`;
