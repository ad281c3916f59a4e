import type { Command } from "commander";
import { decideAccess } from "../../selinux/index.js";
import { addPolicyOption, loadPolicy, type PolicyOption } from "./policy_option.js";

interface DecideOptions extends PolicyOption {
  readonly json?: boolean;
}

export function addDecide(selinux: Command): void {
  addPolicyOption(
    selinux
      .command("decide")
      .description("Tell whether a policy allows an access, and what decides it: a type rule, a constraint, a missing attribute.")
      .argument("<source>", "context of the process")
      .argument("<target>", "context of what it acts on")
      .argument("<class>", "class of that, such as file, process or unix_stream_socket")
      .argument("<permission...>", "one or more permissions, all of which must be allowed"),
  )
    .option("--json", "print JSON (schemaVersion 1): {decision, reason, denied, explanation, refusedBy}")
    .addHelpText(
      "after",
      "\nExits with 0 when all is allowed, with 1 when something is refused.\n" +
        "\nExamples:\n  bulkhead selinux decide u:r:bulkhead_disk_t:s0:c1,c2,c700 u:object_r:bulkhead_image_t:s0:c1,c2,c700 file read write" +
        "\n  bulkhead selinux decide --policy policy.33 --json u:r:bulkhead_net_t:s0 u:object_r:bulkhead_tap_t:s0 chr_file read | jq .reason",
    )
    .action((source: string, target: string, objectClass: string, permissions: readonly string[], options: DecideOptions) => {
      const found = decideAccess(loadPolicy(options), { source, target, objectClass, permissions });
      if (options.json === true) process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...found })}\n`);
      else {
        const refused = found.denied.length === 0 ? "" : ` ${found.denied.join(" ")}`;
        process.stdout.write(`${found.decision}${refused} (${found.reason}): ${found.explanation}\n`);
      }
      if (found.decision === "deny") process.exitCode = 1;
    });
}
