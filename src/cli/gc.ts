import type { Command } from "commander";
import { collectGarbage, endOrphan } from "../machine/index.js";
import { listRuns, openDirectories } from "../state/index.js";

export function addGc(program: Command): void {
  program
    .command("gc")
    .description("Clean up after launchers that died: remove what dead VMs left, and end orphaned ones.")
    .option("--keep-orphans", "leave VMs alone whose processes still serve")
    .addHelpText("after", "\nExamples:\n  bulkhead gc\n  bulkhead gc --keep-orphans")
    .action(async (options: { keepOrphans?: boolean }) => {
      const directories = openDirectories();
      const orphans = options.keepOrphans === true ? [] : listRuns(directories).filter((run) => run.state === "orphaned");
      for (const run of orphans) await endOrphan(directories, run);
      const removed = [...orphans.map((run) => run.record.vm), ...(await collectGarbage(directories))];
      process.stderr.write(
        removed.length === 0 ? "bulkhead: nothing to clean up\n" : `bulkhead: cleaned up ${removed.join(", ")}\n`,
      );
    });
}
