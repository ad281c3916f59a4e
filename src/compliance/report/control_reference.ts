import type { Control } from "../controls/control.js";
import { REVIEWED_CONTROLS } from "../run/reviewed_controls.js";
import type { MutationRecord } from "./mutation_record.js";

/** What stands before the list in docs/compliance.md, which is not written by hand. */
export const REFERENCE_HEADING = "## How many mutants are noticed";

/** The last sections of docs/compliance.md: what the mutation came to, and every control that comes with Bulkhead, by group. */
export function writeControlReference(controls: readonly Control[], record: MutationRecord): string {
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
    ...writeFigure(record),
    "## Every control",
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

function writeFigure({ layers, noticedBy, uncovered }: MutationRecord): string[] {
  const rows = Object.entries(layers).map(([layer, { mutants, equivalent, refused, noticed }]) => {
    return `| ${layer} | ${mutants} | ${equivalent} | ${refused} | ${noticed} | ${mutants - equivalent - refused - noticed} |`;
  });
  const by = Object.entries(noticedBy).map(([name, count]) => `${count} by ${name}`);
  const head = [
    "| of | mutants | equivalent | refused when compiled | noticed | not noticed |",
    "| --- | --- | --- | --- | --- | --- |",
  ];
  const left = uncovered.length === 0 ? "" : ` Not noticed: ${uncovered.map((id) => `\`${id}\``).join(", ")}.`;
  return [...head, ...rows, "", `Noticed: ${by.join(", ")}.${left}`, ""];
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
