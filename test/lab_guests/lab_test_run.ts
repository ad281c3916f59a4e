import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type LabKernel, runLab } from "../../src/compliance/lab/index.js";

/** A run of test files inside the lab. */
export interface LabTestRun {
  readonly exitCode: number;
  /** What the test runner and the tests wrote. */
  readonly said: string;
  /** The runner's own count: `N passed, N failed, N skipped`. */
  readonly summary: string;
}

/**
 * Longest time of one file in the lab, in ms, where a test does not say another. Below the deadline that the runner on the host
 * has for the file that waits for it.
 */
const FILE_DEADLINE_MS = 500_000;

/**
 * Runs files of test/lab in one boot of the lab with the full profile: there, a need that is not met is a failure. Temporary
 * files lie on its disk: a tmpfs is no block device that I/O limits could name, and would take the lab's memory.
 */
export async function runLabTests(
  kernel: LabKernel,
  files: readonly string[],
  fileDeadlineMs = FILE_DEADLINE_MS,
): Promise<LabTestRun> {
  const resultsDirectory = await mkdtemp(join(tmpdir(), "lab-results-"));
  const output = new PassThrough();
  let said = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const argv = ["node", "scripts/test/main.mjs", "--deadline-ms", String(fileDeadlineMs), ...files];
  try {
    const { exitCode } = await runLab({
      command: { kind: "argv", argv },
      kernel,
      env: { TMPDIR: "/var/tmp", BULKHEAD_TEST_PROFILE: "full" },
      resultsDirectory,
      stdout: output,
      stderr: output,
      progress: () => undefined,
    });
    return { exitCode, said, summary: said.trimEnd().split("\n").at(-1) ?? "" };
  } finally {
    await rm(resultsDirectory, { recursive: true });
  }
}
