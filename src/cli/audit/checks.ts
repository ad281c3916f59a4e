import type { Command } from "commander";
import { CHECKS } from "../../audit/index.js";
import { formatTable } from "../../machine/index.js";

export function addChecks(audit: Command): void {
  audit
    .command("checks")
    .description("List every check: its id, its severity, and what it finds.")
    .option("--json", "print JSON (schemaVersion 1): {checks: [{id, title, severity, rationale, remedy, source, needs}]}")
    .addHelpText("after", "\nExamples:\n  bulkhead audit checks\n  bulkhead audit checks --json | jq -r '.checks[].id'")
    .action((options: { readonly json?: boolean }) => {
      if (options.json === true) {
        const checks = CHECKS.map(({ id, title, severity, rationale, remedy, source, needs }) => {
          return { id, title, severity, rationale, remedy, source, needs };
        });
        process.stdout.write(`${JSON.stringify({ schemaVersion: 1, checks }, null, 2)}\n`);
        return;
      }
      const rows = CHECKS.map(({ id, severity, title }) => [id, severity, title]);
      process.stdout.write(formatTable([["ID", "SEVERITY", "FINDS"], ...rows]));
    });
}
