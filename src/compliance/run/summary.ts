import { countVerdicts, type ReportedControl } from "../report/compliance_report.js";

/** How many controls ended in each way, by role and by the layer that refused them: the table at the end of a run. */
export function summarize(controls: readonly ReportedControl[]): readonly (readonly string[])[] {
  const head = ["", "PASSED", "FAILED", "UNMET", "BROKEN"];
  const roles = [...new Set(controls.map(({ role }) => role))];
  const layers = [...new Set(controls.flatMap(({ layer }) => layer ?? []))].sort();
  return [
    head,
    ...roles.map((role) => row(`role ${role}`, controls, (control) => control.role === role)),
    ...layers.map((layer) => row(`refused by ${layer}`, controls, (control) => control.layer === layer)),
    row("all", controls, () => true),
  ];
}

function row(name: string, controls: readonly ReportedControl[], counts: (control: ReportedControl) => boolean): string[] {
  const { passed, failed, unmet, broken } = countVerdicts(controls.filter(counts));
  return [name, ...[passed, failed, unmet, broken].map(String)];
}
