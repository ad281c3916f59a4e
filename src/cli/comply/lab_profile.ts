import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabRun } from "../../compliance/index.js";
import { type ExitCode, SpecError } from "../../errors/index.js";
import type { ComplyOptions } from "./run.js";
import { writeSigned } from "./write_report.js";

/** In the lab, from its project's directory. */
const COMMAND = ["node", "dist/bundle/cli/main.js", "comply", "--profile", "lab"];
const REPORT_NAME = "report";
/** Where the lab keeps what comes back: native/lab/run_job.sh. */
const LAB_RESULTS = "/run/lab/results";
/** Longest time of the suite in the lab, in ms: three times what it takes on two busy CPUs. */
const SUITE_DEADLINE_MS = 1_800_000;

/** Files of this host are not in the lab. */
const HOST_FILES = ["controls", "vm", "policies", "hostFile", "sandbox"] as const;

/**
 * Boots a VM that has every layer, SELinux enforcing among them, and runs the suite in it. Returns how it ended there. Throws what
 * runLab() throws, and SpecError "lab-option" for what is not in the lab.
 */
export async function complyInLab(options: ComplyOptions, signal: AbortSignal): Promise<ExitCode> {
  const foreign = HOST_FILES.find((name) => options[name] !== undefined);
  if (foreign !== undefined) {
    throw new SpecError({
      code: "lab-option",
      tried: `Cannot use --${foreign === "hostFile" ? "host-file" : foreign} in the profile lab`,
      subject: foreign,
      answer: "the lab has none of this host's files",
      remedy: "Leave it out, or run the profile host.",
    });
  }
  const { runLab } = await import("../../compliance/index.js");
  const resultsDirectory = await mkdtemp(join(tmpdir(), "bulkhead-comply-lab-"));
  try {
    const run: LabRun = {
      command: { kind: "argv", argv: [...COMMAND, ...passedOn(options)] },
      resultsDirectory,
      commandTimeoutMs: SUITE_DEADLINE_MS,
      stdout: process.stdout,
      stderr: process.stderr,
      progress: (line) => void process.stderr.write(`bulkhead: lab: ${line}\n`),
      signal,
    };
    const { exitCode } = await runLab(run);
    if (options.output !== undefined)
      await writeSigned(await readFile(join(resultsDirectory, REPORT_NAME)), options.output, options.sign);
    return exitCode as ExitCode;
  } finally {
    await rm(resultsDirectory, { recursive: true, force: true });
  }
}

function passedOn({ role, control, format, output, without }: ComplyOptions): string[] {
  const option = (name: string, value: string | undefined) => (value === undefined ? [] : [name, value]);
  return [
    ...option("--role", role),
    ...(control ?? []).flatMap((id) => ["--control", id]),
    ...option("--format", format),
    ...(output === undefined ? [] : ["--output", `${LAB_RESULTS}/${REPORT_NAME}`]),
    ...without.flatMap((layer) => ["--without", layer]),
  ];
}
