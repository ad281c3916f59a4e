import { writeFile } from "node:fs/promises";
import {
  type ComplianceReport,
  type Control,
  type ReportFormat,
  renderReport,
  SIGNATURE_ENDING,
  signReport,
  summarize,
} from "../../compliance/index.js";
import { SpecError } from "../../errors/index.js";
import { formatTable } from "../../machine/index.js";
import { readInput } from "./verify.js";

export interface ReportOptions {
  readonly format?: ReportFormat;
  readonly output?: string;
  readonly sign?: string;
}

/** Writes the report where and as it is wanted, and signs it; without a format the table that ends a run. */
export async function writeReport(report: ComplianceReport, controls: readonly Control[], options: ReportOptions): Promise<void> {
  const { format, output } = options;
  if (format === undefined && output === undefined) {
    process.stdout.write(`\n${formatTable(summarize(report.controls))}`);
    for (const line of wordDepth(report)) process.stdout.write(`${line}\n`);
    return;
  }
  const text = renderReport(report, format ?? "json", new Map(controls.map((control) => [control.id, control])));
  if (output === undefined) process.stdout.write(text);
  else await writeSigned(text, output, options.sign);
}

/** The report, and beside it its signature. */
export async function writeSigned(text: string | Buffer, output: string, keyFile: string | undefined): Promise<void> {
  const bytes = Buffer.from(text);
  await writeOutput(output, bytes);
  if (keyFile !== undefined)
    await writeOutput(output + SIGNATURE_ENDING, Buffer.from(await signReport(bytes, String(await readInput(keyFile)))));
}

async function writeOutput(file: string, bytes: Buffer): Promise<void> {
  try {
    await writeFile(file, bytes);
  } catch (cause) {
    throw new SpecError({
      code: "output-unwritable",
      tried: `Cannot write ${file}`,
      subject: file,
      answer: (cause as NodeJS.ErrnoException).code ?? String(cause),
      remedy: "Name a file in a directory that exists.",
      cause,
    });
  }
}

/** Which layers would each have refused alone. */
function wordDepth({ depth }: ComplianceReport): string[] {
  if (depth.length === 0) return [];
  const rows = depth.map(({ act, role, alone, bare }) => {
    const named = (refuses: boolean) => alone.filter((one) => one.refuses === refuses).map(({ layer }) => layer);
    return [act, role, named(true).join(" ") || "none", named(false).join(" ") || "none", bare];
  });
  return [
    "",
    formatTable([["ACT", "ROLE", "EACH ALONE REFUSES IT", "EACH ALONE DOES NOT", "WITHOUT ALL OF THEM"], ...rows]).trimEnd(),
  ];
}
