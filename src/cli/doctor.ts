import type { Command } from "commander";
import { probeHost } from "../host/index.js";
import { formatTable } from "../machine/index.js";
import { judgeLayers } from "../plan/index.js";
import { LAYERS } from "../spec/index.js";

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("Tell what this host can enforce, and what to install or change for the rest.")
    .option("--json", "print JSON: {schemaVersion, host, layers}")
    .addHelpText(
      "after",
      "\nExits with 1 when a layer is not fully enforced.\n\nExamples:\n  bulkhead doctor\n  bulkhead doctor --json | jq .layers",
    )
    .action((options: { json?: boolean }) => {
      const facts = probeHost();
      const layers = judgeLayers(facts);
      if (options.json === true) {
        process.stdout.write(`${JSON.stringify({ schemaVersion: 1, host: facts, layers }, null, 2)}\n`);
      } else {
        const rows = LAYERS.map((layer) => {
          const status = layers[layer];
          const rest =
            status.status === "enforced"
              ? [""]
              : [status.status === "partial" ? `lacks ${status.lacks.join(", ")}: ${status.why}` : status.why];
          return [layer, status.status, ...rest];
        });
        process.stdout.write(formatTable([["LAYER", "STATUS", "WHY"], ...rows]));
        process.stdout.write(
          `\nKVM: ${facts.kvm.available ? "guest code runs" : facts.kvm.why}\nKernel: ${facts.kernelRelease}, Landlock ABI ${facts.landlockAbi}\n`,
        );
      }
      if (LAYERS.some((layer) => layers[layer].status !== "enforced")) process.exitCode = 1;
    });
}
