import type { Command } from "commander";
import { type ChosenProgram, chooseProgram, formatListing } from "../../seccomp/index.js";
import { addPolicyOptions } from "./policy_options.js";
import { writeOutput } from "./read_input.js";
import { type PolicyOptions, type ReadPolicy, readPolicy } from "./read_policy.js";

interface CompileOptions extends PolicyOptions {
  readonly output?: string;
  readonly json?: boolean;
}

export function addCompile(seccomp: Command): void {
  addPolicyOptions(
    seccomp
      .command("compile")
      .description("Compile a policy to BPF with every generator, prove each program, and keep the cheapest.")
      .argument("<file>", "policy, or - for standard input"),
  )
    .option(
      "-o, --output <file>",
      "write the array of struct sock_filter there, - for standard output (default: print a listing)",
    )
    .option("--json", "print JSON (schemaVersion 1): generator, why, candidates, sha256, the program in base64")
    .addHelpText(
      "after",
      "\nExits with 2 for a policy that is malformed, contradicts itself or cannot be expressed exactly.\n" +
        "\nExamples:\n  bulkhead seccomp compile policies/roles/disk.yaml --output disk.bpf" +
        "\n  bulkhead seccomp compile --from oci profile.json | less" +
        "\n  bulkhead seccomp compile --json - <vm.policy | jq -r .why",
    )
    .action((file: string, options: CompileOptions) => {
      const policy = readPolicy(file, options);
      const program = chooseProgram({ policy: policy.policy, phases: options.phases, frequencies: policy.frequencies });
      if (options.output !== undefined) writeOutput(options.output, program.bytes);
      if (options.json === true) process.stdout.write(`${JSON.stringify(describeCompiled(policy, program))}\n`);
      else if (options.output === undefined) process.stdout.write(formatListing(program.instructions));
      else process.stderr.write(`bulkhead: ${program.instructions.length} instructions by ${program.choice.generator}, proved\n`);
    });
}

function describeCompiled({ format, losses, notes }: ReadPolicy, { bytes, sha256, instructions, choice }: ChosenProgram): object {
  return {
    schemaVersion: 1,
    format,
    ...choice,
    instructions: instructions.length,
    sha256,
    program: bytes.toString("base64"),
    losses,
    notes,
  };
}
