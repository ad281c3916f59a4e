import type { Command } from "commander";
import { describeInspection, inspectRun } from "../machine/index.js";
import { openDirectories } from "../state/index.js";
import { printableJson } from "../text/index.js";
import { requireVm } from "./known_vm.js";

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("Read every process of a running VM afresh from the kernel and hold it against its plan.")
    .argument("<vm>", "name of the VM")
    .option("--json", "print JSON (schemaVersion 1): per process and layer what was planned and what is observed")
    .addHelpText(
      "after",
      "\nExits with 1 when anything differs from the plan.\n\nExamples:\n  bulkhead inspect web1\n  bulkhead inspect web1 --json | jq '.processes[].layers.fds.observed'",
    )
    .action((vm: string, options: { json?: boolean }) => {
      const run = requireVm(openDirectories(), vm);
      const inspection = inspectRun(run);
      process.stdout.write(options.json === true ? `${printableJson(inspection)}\n` : describeInspection(inspection));
      if (inspection.differences.length > 0) process.exitCode = 1;
    });
}
