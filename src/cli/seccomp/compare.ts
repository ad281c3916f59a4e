import type { Command } from "commander";
import { EXIT } from "../../errors/index.js";
import { type CompareResult, compareSources } from "../../seccomp/index.js";
import { addPolicyOptions } from "./policy_options.js";
import { type PolicyOptions, readSource } from "./read_policy.js";

const RELATIONS = {
  equal: "equal: A and B answer every call alike",
  "a-within-b": "A is within B: B is nowhere stricter, and weaker for these calls",
  "b-within-a": "B is within A: B is nowhere weaker, and stricter for these calls",
  different: "different: neither is within the other",
} as const;

export function addCompare(seccomp: Command): void {
  addPolicyOptions(
    seccomp
      .command("compare")
      .description("Compare two policies, two programs, or one of each, for all calls.")
      .argument("<a>", "policy or program, - for standard input")
      .argument("<b>", "policy or program"),
  )
    .option("--json", "print JSON: {relation, changes: [{calls, a, b, direction, when, example}]}")
    .addHelpText(
      "after",
      "\nExits with 1 when they differ, or when it cannot be decided.\n" +
        "\nExamples:\n  bulkhead seccomp compare policies/roles/disk.yaml policies/roles/net.yaml" +
        "\n  bulkhead seccomp compare --json old.bpf new.bpf | jq '.changes[] | select(.direction == \"weaker\")'",
    )
    .action((a: string, b: string, options: PolicyOptions & { readonly json?: boolean }) => {
      const result = compareSources(readSource(a, options), readSource(b, options));
      process.stdout.write(options.json === true ? formatResult(result) : wordResult(result));
      if (result.relation !== "equal") process.exitCode = EXIT.findings;
    });
}

function formatResult(result: CompareResult): string {
  return `${JSON.stringify(result, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value))}\n`;
}

function wordResult(result: CompareResult): string {
  if (result.relation === null) return `undecided: ${result.undecided}\n`;
  const lines = result.changes.map(({ calls, a, b, direction, when, whenShortened }) => {
    const conditions = when.length === 0 ? "" : ` when ${when.join(" or ")}${whenShortened ? " or more" : ""}`;
    return `  ${direction.padEnd(8)}  ${calls}: A ${a}, B ${b}${conditions}`;
  });
  return `${[RELATIONS[result.relation], ...lines].join("\n")}\n`;
}
