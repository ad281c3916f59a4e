import type { Command } from "commander";
import { formatTable } from "../../machine/index.js";
import { CONTROLS_OPTION, readControls } from "./read_controls.js";

export function addList(comply: Command): void {
  comply
    .command("list")
    .description("List the controls: id, group, who must refuse it, in which roles, what is tried.")
    .option(...CONTROLS_OPTION)
    .option("--json", "print JSON: {schemaVersion, controls}")
    .addHelpText("after", "\nExamples:\n  bulkhead comply list\n  bulkhead comply list --json | jq -r '.controls[].id'")
    .action(async (options: { controls?: readonly string[]; json?: boolean }) => {
      const controls = await readControls({ controls: options.controls ?? [] });
      if (options.json === true) {
        const shown = controls.map(({ id, group, title, threat, layers, needs, roles, twin, depth }) => {
          return { id, group, title, threat, layers, needs, roles, twin: twin.title, depth };
        });
        process.stdout.write(`${JSON.stringify({ schemaVersion: 1, controls: shown }, null, 2)}\n`);
        return;
      }
      const rows = controls.map(({ id, group, layers, roles, title }) => [
        id,
        group,
        layers.join(" "),
        roles === null ? "all" : roles.join(" "),
        title,
      ]);
      process.stdout.write(formatTable([["ID", "GROUP", "REFUSED BY", "ROLES", "WHAT IS TRIED"], ...rows]));
    });
}
