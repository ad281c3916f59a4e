import { type Command, Option } from "commander";
import { REPORT_FORMATS, SEVERITIES } from "../../audit/index.js";
import { addPolicyOptions } from "../seccomp/policy_options.js";
import { addChecks } from "./checks.js";
import { addExplain } from "./explain.js";
import { parsePid } from "./read_target.js";
import { type AuditOptions, runAudit } from "./run_audit.js";

/** Makes `bulkhead audit` itself, and the commands below it. */
export function addAuditCommands(audit: Command): void {
  addPolicyOptions(
    audit.argument("[target]", "a file (VM file, policy of any format, seccomp program, SELinux policy), or a VM's name"),
  )
    .option("--pid <pid>", "audit a live process, ours or not, instead", parsePid)
    .addOption(new Option("--format <format>", "how the report is written").choices(REPORT_FORMATS).default("human"))
    .option("--output <file>", "write the report there instead of to standard output")
    .addOption(new Option("--fail-on <severity>", "exit with 1 for findings at or above this").choices(SEVERITIES).default("low"))
    .option("--fail-on-unknown", "exit with 1 as well where something could not be read or decided")
    .option("--baseline <file>", "an earlier report of --format json: only what is new or graver counts")
    .option("--exemptions <file>", "findings that are accepted until a day, with the reason")
    .option("--stack <files...>", "programs that were loaded after TARGET on the same thread, in that order")
    .option("--policy <file>", "what TARGET, a program, is said to be: a policy of any format, against which it is proved")
    .option("--no-ptrace", "do not stop threads to read their filters; what they are is unknown then")
    .option("--host-file <file>", "host file to plan a VM file by, instead of /etc/bulkhead/host.yaml")
    .option("--grants", "also list everything that is granted, with the rule that grants it and its reason")
    .option("--details", "tell every finding in full, and what the exposure is made of")
    .addHelpText(
      "after",
      "\nIt changes nothing. Reading the filters of a process stops its threads for some 0.2 ms; --no-ptrace avoids that.\n" +
        "\nWhat could not be read or decided is listed as unknown. The exposure is a figure from 0 to 10: docs/audit.md.\n" +
        "\nExits with 0 when nothing was found at or above --fail-on, with 1 when something was, with 2 for bad input, with 3 when this host " +
        "cannot answer.\n" +
        "\nExamples:\n  bulkhead audit web1.yaml\n  bulkhead audit policies/roles/disk.yaml --grants" +
        "\n  bulkhead audit filter.bpf --policy vm.policy\n  bulkhead audit profile.json --fail-on high --format sarif --output audit.sarif" +
        "\n  sudo bulkhead audit --pid 4711 --details\n  bulkhead audit web1.yaml --baseline audit.json --exemptions accepted.yaml",
    )
    .action(async (target: string | undefined, options: AuditOptions) => runAudit(target, options));
  for (const add of [addChecks, addExplain]) add(audit);
}
