import type { Control } from "../controls/control.js";
import { REVIEWED_CONTROLS } from "../run/reviewed_controls.js";

/** What stands before the list in docs/compliance.md, which is not written by hand. */
export const REFERENCE_HEADING = "## Every control";

/** The last section of docs/compliance.md: every control that comes with Bulkhead, by group. */
export function writeControlReference(controls: readonly Control[]): string {
  const groups = [...new Set(controls.map(({ group }) => group))].sort();
  const sections = groups.map((group) =>
    writeGroup(
      group,
      controls.filter((control) => control.group === group),
    ),
  );
  const reviewed = Object.values(REVIEWED_CONTROLS).map(
    ({ id, title, threat }) => `| ${id} | ${cell(title)} | ${cell(threat)} |`,
  );
  return [
    REFERENCE_HEADING,
    "",
    `${controls.length} with an act and its twin, and ${reviewed.length} without: these hold all that a process may do against what was reviewed.`,
    "",
    ...sections,
    "### review",
    "",
    "| id | what is held | why |",
    "| --- | --- | --- |",
    ...reviewed,
    "",
  ].join("\n");
}

function writeGroup(group: string, controls: readonly Control[]): string {
  const rows = controls.map(({ id, title, threat, layers, roles, twin }) => {
    const only = roles === null ? "" : ` (${roles.join(", ")})`;
    return `| ${id} | ${cell(title)}${only} | ${cell(threat)} | ${layers.join(" or ")} | ${cell(twin.title)} |`;
  });
  const head = [
    "| id | what is tried | what it would gain | refused by | what must succeed beside it |",
    "| --- | --- | --- | --- | --- |",
  ];
  return [`### ${group}`, "", ...head, ...rows, ""].join("\n");
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
