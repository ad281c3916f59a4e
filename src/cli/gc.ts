import type { Command } from "commander";
import { EXIT } from "../errors/index.js";
import { collectGarbage, endOrphans, sweep } from "../machine/index.js";
import { listRuns, openDirectories } from "../state/index.js";
import { escapeControls } from "../text/index.js";

export function addGc(program: Command): void {
  program
    .command("gc")
    .description(
      "Clean up after launchers that died: remove what dead VMs left, end orphaned ones and those with a damaged record, " +
        "and remove reservations, half-built and outdated roots that nobody needs.",
    )
    .option("--keep-orphans", "leave VMs alone whose processes still serve")
    .addHelpText(
      "after",
      "\nExits with 3 when something could not be cleaned up.\n\nExamples:\n  bulkhead gc\n  bulkhead gc --keep-orphans",
    )
    .action(async (options: { keepOrphans?: boolean }) => {
      const directories = openDirectories();
      const ending: readonly string[] = options.keepOrphans === true ? [] : ["damaged", "orphaned"];
      const runs = listRuns(directories).filter((run) => ending.includes(run.state));
      const reports = [await endOrphans(directories, runs), await collectGarbage(directories)];
      const swept = await sweep(directories);
      const removed = [...reports.flatMap((report) => report.removed), ...swept];
      const failed = new Map(reports.flatMap((report) => report.failed).map(({ vm, error }) => [vm, error]));
      for (const [vm, error] of failed) {
        process.stderr.write(`bulkhead: cannot clean up VM "${vm}": ${escapeControls(error.message)}\n`);
      }
      if (failed.size > 0) process.exitCode = EXIT.hostCannot;
      if (removed.length === 0 && failed.size > 0) return;
      process.stderr.write(
        removed.length === 0 ? "bulkhead: nothing to clean up\n" : `bulkhead: cleaned up ${removed.join(", ")}\n`,
      );
    });
}
