import type { Command } from "commander";
import { EXIT } from "../errors/index.js";
import { formatTable } from "../machine/index.js";
import { listRuns, openDirectories } from "../state/index.js";

export function addPs(program: Command): void {
  program
    .command("ps")
    .description("List the VMs of this host and their processes.")
    .option("--json", "print JSON: [{vm, state, processes: [{id, role, pid}]}]")
    .addHelpText(
      "after",
      "\nExits with 3 when a record is damaged: its VM is named on stderr and not listed.\n\nExamples:\n  bulkhead ps\n  bulkhead ps --json | jq '.[].vm'",
    )
    .action((options: { json?: boolean }) => {
      const known = listRuns(openDirectories()).filter((run) => run.state !== "dead");
      const runs = known.filter((run) => run.state !== "damaged");
      for (const { record } of known.filter((run) => run.state === "damaged")) {
        process.stderr.write(`bulkhead: the record of VM "${record.vm}" is damaged; \`bulkhead gc\` ends that VM\n`);
        process.exitCode = EXIT.hostCannot;
      }
      if (options.json === true) {
        const list = runs.map((run) => ({
          vm: run.record.vm,
          state: run.state,
          processes: run.processes.map(({ id, role, pid }) => ({ id, role, pid })),
        }));
        process.stdout.write(`${JSON.stringify(list)}\n`);
        return;
      }
      const rows = runs.flatMap((run) =>
        run.processes.map((one) => [run.record.vm, run.state, one.id, one.role, String(one.pid)]),
      );
      process.stdout.write(formatTable([["VM", "STATE", "PROCESS", "ROLE", "PID"], ...rows]));
    });
}
