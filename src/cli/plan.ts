import type { Command } from "commander";
import { previewPlan } from "../machine/index.js";
import { readPlanRequest } from "./installation.js";
import { describePlan } from "./plan_text.js";

export function addPlan(program: Command): void {
  program
    .command("plan")
    .description("Print exactly what a launch of this VM file would do, and stop there.")
    .argument("<file>", "VM file, or - for standard input")
    .option("--json", "print the whole plan as JSON (schemaVersion 1)")
    .option("--host-file <file>", "host file to use instead of /etc/bulkhead/host.yaml")
    .addHelpText("after", "\nExamples:\n  bulkhead plan web1.yaml\n  bulkhead plan web1.yaml --json | jq '.processes[].argv'")
    .action(async (file: string, options: { json?: boolean; hostFile?: string }) => {
      const plan = await previewPlan(await readPlanRequest(file, options));
      process.stdout.write(options.json === true ? `${JSON.stringify(plan, null, 2)}\n` : describePlan(plan));
    });
}
