import type { Command } from "commander";
import { EXIT } from "../../errors/index.js";
import { readChecks, runChecks } from "../../selinux/index.js";
import { SELINUX_FOLDER } from "../installation.js";
import { addPolicyOption, loadPolicy, type PolicyOption } from "./policy_option.js";

const CHECKS = `${SELINUX_FOLDER}/checks`;

interface CheckOptions extends PolicyOption {
  readonly json?: boolean;
}

export function addCheck(selinux: Command): void {
  addPolicyOption(
    selinux
      .command("check")
      .description("Hold a policy against the assertions of selinux/checks: what it must allow and refuse, and why."),
  )
    .option("--json", "print JSON (schemaVersion 1): {checks: [{name, passed, observed}]}")
    .addHelpText(
      "after",
      "\nExits with 1 when an assertion fails.\n\nExamples:\n  bulkhead selinux check\n  bulkhead selinux check --policy policy.33 --json",
    )
    .action((options: CheckOptions) => {
      const results = runChecks(loadPolicy(options), readChecks(CHECKS));
      const failed = results.filter(({ passed }) => !passed);
      if (options.json === true) {
        const checks = results.map(({ check, passed, observed }) => ({ name: check.name, passed, observed }));
        process.stdout.write(`${JSON.stringify({ schemaVersion: 1, checks })}\n`);
      } else {
        for (const { check, observed } of failed) process.stdout.write(`FAILED ${check.name}: ${observed}\n`);
        process.stdout.write(`${results.length - failed.length} passed, ${failed.length} failed\n`);
      }
      if (failed.length > 0) process.exitCode = EXIT.findings;
    });
}
