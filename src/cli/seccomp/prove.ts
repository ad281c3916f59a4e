import type { Command } from "commander";
import { EXIT } from "../../errors/index.js";
import { type Proof, prove, syscallName } from "../../seccomp/index.js";
import { addPolicyOptions } from "./policy_options.js";
import { readLoadableProgram } from "./read_input.js";
import { type PolicyOptions, readPolicy } from "./read_policy.js";

export function addProve(seccomp: Command): void {
  addPolicyOptions(
    seccomp
      .command("prove")
      .description("Decide whether a program answers every call as its policy says, or show a call on which it does not.")
      .argument("<policy>", "policy, or - for standard input")
      .argument("<program>", "array of struct sock_filter, or - for standard input"),
  )
    .option("--json", "print JSON: {equal: true} or {equal: false, counterexample: {nr, args, policy, program, direction}}")
    .addHelpText(
      "after",
      "\nExits with 1 when they differ, or when it cannot be decided.\n" +
        "\nExamples:\n  bulkhead seccomp prove policies/roles/disk.yaml disk.bpf" +
        "\n  bulkhead seccomp prove --json --from oci profile.json filter.bpf | jq .counterexample",
    )
    .action((policyFile: string, programFile: string, options: PolicyOptions & { readonly json?: boolean }) => {
      const { rules } = readPolicy(policyFile, options);
      const proof = prove(rules, readLoadableProgram(programFile));
      process.stdout.write(options.json === true ? `${JSON.stringify(describeProof(proof))}\n` : wordProof(proof));
      if (proof.equal !== true) process.exitCode = EXIT.findings;
    });
}

/** Arguments and pointers are decimal strings: they need 64 bits, which JSON's readers do not keep. */
function describeProof(proof: Proof): object {
  if (proof.equal === true) return { equal: true };
  if (proof.equal === null) return proof;
  const { nr, args, arch, instructionPointer, policy, program, direction } = proof.counterexample;
  return {
    equal: false,
    counterexample: {
      nr,
      args: args.map(String),
      arch,
      instructionPointer: String(instructionPointer),
      policy,
      program,
      direction,
    },
  };
}

function wordProof(proof: Proof): string {
  if (proof.equal === true) return "equal: the program answers every call as the policy says\n";
  if (proof.equal === null) return `undecided: ${proof.undecided}\n`;
  const { nr, args, arch, policy, program, direction } = proof.counterexample;
  const listed = args.map((arg) => `0x${arg.toString(16)}`).join(", ");
  const call = `${syscallName(nr) ?? `syscall 0x${nr.toString(16)}`}(${listed}) of arch 0x${arch.toString(16)}`;
  return `different: ${call}\n  policy   ${policy}\n  program  ${program}\n  the program is ${direction}\n`;
}
