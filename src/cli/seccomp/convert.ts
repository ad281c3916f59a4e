import { type Command, InvalidArgumentError } from "commander";
import {
  acceptExport,
  type ExportedPolicy,
  exportMinijail,
  exportOci,
  exportSeccompiler,
  type FilterRules,
} from "../../seccomp/index.js";
import { escapeControls } from "../../text/index.js";
import { addPolicyOptions } from "./policy_options.js";
import { writeOutput } from "./read_input.js";
import { type PolicyFormat, type PolicyOptions, parseFormat, readPolicy } from "./read_policy.js";

interface ConvertOptions extends PolicyOptions {
  readonly to: Exclude<PolicyFormat, "bulkhead">;
  readonly output: string;
  readonly json?: boolean;
}

/** Name of the one thread of a seccompiler file that is written. */
const DEFAULT_THREAD = "main";

export function addConvert(seccomp: Command): void {
  addPolicyOptions(
    seccomp
      .command("convert")
      .description("Rewrite a policy in another format.")
      .argument("<file>", "policy, or - for standard input"),
  )
    .requiredOption("--to <format>", "minijail, oci or seccompiler", parseTarget)
    .option("-o, --output <file>", "write it there, - for standard output", "-")
    .option("--json", "print JSON instead: {format, losses, notes, text}")
    .addHelpText(
      "after",
      "\nWhat cannot be expressed exactly is refused with exit code 2, or named on stderr with --lossy.\n" +
        "\nExamples:\n  bulkhead seccomp convert --to oci --phases run policies/roles/net.yaml" +
        "\n  bulkhead seccomp convert --from minijail --to seccompiler vm.policy --output vm.json",
    )
    .action((file: string, options: ConvertOptions) => {
      const { rules, losses: before, notes } = readPolicy(file, options);
      const exported = exportPolicy(rules, options);
      const text = acceptExport(exported, { format: options.to, lossy: options.lossy === true });
      const losses = [...before, ...exported.losses];
      if (options.json === true) process.stdout.write(`${JSON.stringify({ format: options.to, losses, notes, text })}\n`);
      for (const loss of exported.losses) process.stderr.write(`bulkhead: ${options.to}: lost: ${escapeControls(loss)}\n`);
      if (options.json !== true || options.output !== "-") writeOutput(options.output, text);
    });
}

function parseTarget(word: string): ConvertOptions["to"] {
  const format = parseFormat(word);
  if (format === "bulkhead") throw new InvalidArgumentError("Our own policies say why of each rule, which no other format does.");
  return format;
}

function exportPolicy(rules: FilterRules, { to, thread }: ConvertOptions): ExportedPolicy {
  switch (to) {
    case "minijail":
      return exportMinijail(rules);
    case "oci":
      return exportOci(rules);
    case "seccompiler":
      return exportSeccompiler(rules, thread ?? DEFAULT_THREAD);
  }
}
