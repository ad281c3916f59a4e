import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { checkSignature, SIGNATURE_ENDING } from "../../compliance/index.js";
import { EXIT, SpecError } from "../../errors/index.js";

export function addVerify(comply: Command): void {
  comply
    .command("verify")
    .description("Check that a report is exactly what the holder of a key signed.")
    .argument("<report>", `report; its signature is the file of that name and ${SIGNATURE_ENDING}`)
    .requiredOption("--key <file>", "public key, PEM: openssl pkey -in key.pem -pubout")
    .addHelpText(
      "after",
      "\nExit codes: 0 it is, 1 it is not, 2 bad input.\n\nExamples:\n  bulkhead comply verify report.json --key key.pub.pem",
    )
    .action(async (report: string, options: { key: string }) => {
      const [bytes, signature, key] = await Promise.all([report, report + SIGNATURE_ENDING, options.key].map(readInput));
      const checked = await checkSignature(bytes as Buffer, String(signature), String(key));
      if (checked.valid) process.stdout.write(`${report}: signed by key ${checked.thumbprint} (${checked.algorithm})\n`);
      else process.stdout.write(`${report}: not as it was signed: ${checked.why}\n`);
      if (!checked.valid) process.exitCode = EXIT.findings;
    });
}

/** Throws SpecError "spec-unreadable". */
export async function readInput(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new SpecError({
      code: "spec-unreadable",
      tried: `Cannot read ${file}`,
      subject: file,
      answer: (cause as NodeJS.ErrnoException).code ?? String(cause),
      remedy: "Name a readable file.",
      cause,
    });
  }
}
