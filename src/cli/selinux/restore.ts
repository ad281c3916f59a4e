import type { Command } from "commander";
import { EXIT } from "../../errors/index.js";
import { listLabelRecords, releaseLabels } from "../../selinux/labels/index.js";
import { findRun, openDirectories } from "../../state/index.js";
import { escapeControls } from "../../text/index.js";

export function addRestore(selinux: Command): void {
  selinux
    .command("restore")
    .description("Give images their own labels back where the VM that they were labelled for is not there any more.")
    .option("--list", "only tell which images do not have their own label")
    .addHelpText(
      "after",
      "\nA launch and `bulkhead gc` do so too. Exits with 1 when an image was relabelled by somebody else or could not be reached.\n" +
        "\nExamples:\n  bulkhead selinux restore --list\n  bulkhead selinux restore",
    )
    .action((options: { readonly list?: boolean }) => {
      const directories = openDirectories();
      if (options.list === true) {
        for (const { path, label, original, holders } of listLabelRecords(directories))
          process.stdout.write(
            `${escapeControls(path)}: ${label} for ${holders.join(", ")}; was ${original ?? "without label"}\n`,
          );
        return;
      }
      const released = releaseLabels(directories, (vm) => findRun(directories, vm) !== null);
      for (const { path, outcome, detail } of released) process.stdout.write(`${escapeControls(path)}: ${outcome}: ${detail}\n`);
      if (released.some(({ outcome }) => outcome === "changed" || outcome === "left")) process.exitCode = EXIT.findings;
    });
}
