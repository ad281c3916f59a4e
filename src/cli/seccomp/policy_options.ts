import type { Command } from "commander";
import { POLICY_FORMATS, parseFormat, parsePhases } from "./read_policy.js";

/** Adds the options that say how a policy is read. */
export function addPolicyOptions(command: Command): Command {
  return command
    .option("--from <format>", `format of the policy: ${POLICY_FORMATS.join(", ")} (default: told by its content)`, parseFormat)
    .option(
      "--phases <phases>",
      "calls of our policies: lock-down, as launched; start+run, allowed for ever; run",
      parsePhases,
      "lock-down",
    )
    .option("--thread <name>", "thread of a seccompiler file with several")
    .option("--lossy", "go on where something cannot be expressed exactly");
}
