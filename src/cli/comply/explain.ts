import type { Command } from "commander";
import { type Control, explainControl } from "../../compliance/index.js";
import { CONTROLS_OPTION, readControls } from "./read_controls.js";

export function addExplain(comply: Command): void {
  comply
    .command("explain")
    .description("Explain one control: its act, its twin, who must refuse it, and how it would fail.")
    .argument("<id>", "id of the control, as PRO-01")
    .option(...CONTROLS_OPTION)
    .addHelpText("after", "\nExamples:\n  bulkhead comply explain PRO-01")
    .action(async (id: string, options: { controls?: readonly string[] }) => {
      const [control] = await readControls({ controls: options.controls ?? [], control: [id] });
      process.stdout.write(explainControl(control as Control));
    });
}
