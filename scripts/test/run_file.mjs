import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../repository.mjs";

/** Output kept per test file, in characters; what comes before is dropped. */
const OUTPUT_MAX = 64 * 1024;
/** How long to wait for the pipes to close once the process is gone, in ms: a left-over child may still hold them. */
const PIPE_GRACE_MS = 1000;

/** Process groups of the test files that run now, to be ended with the runner. */
const running = new Set();

/**
 * Runs one test file in a Node process of its own and answers `{file, results, output, durationMs}`. Whatever keeps the
 * file from giving a full and credible account of itself becomes one more failed result.
 */
export async function runTestFile(file, { dist, deadlineMs }) {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-test-"));
  const reportFile = join(folder, "report.json");
  const script = join(dist, file.replace(/\.ts$/, ".js"));
  const startedMs = performance.now();
  try {
    const end = await runProcess(script, { reportFile, deadlineMs });
    const results = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, "utf8")).results : [];
    const complaint = findComplaint(end, results, existsSync(reportFile));
    if (complaint !== null) {
      results.push({ suite: file, test: "(the file)", outcome: "failed", message: complaint, durationMs: 0 });
    }
    return { file, results, output: end.output, durationMs: performance.now() - startedMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends every test process that still runs, with its children. */
export function endRunningTests() {
  for (const pid of running) endGroup(pid);
}

function findComplaint({ exitCode, signal, expired, deadlineMs }, results, reported) {
  if (expired) return `did not end within ${deadlineMs} ms and was killed`;
  if (signal !== null) return `died of ${signal} (${constants.signals[signal]})`;
  if (!reported) return `exited with code ${exitCode} without a report: does it use test/support/harness.ts?`;
  if (results.length === 0) return "ran no test";
  const failed = results.some(({ outcome }) => outcome === "failed");
  return exitCode !== 0 && !failed ? `exited with code ${exitCode} though no test failed` : null;
}

function runProcess(script, { reportFile, deadlineMs }) {
  const child = spawn(process.execPath, ["--enable-source-maps", script], {
    cwd: REPOSITORY,
    env: { ...process.env, BULKHEAD_TEST_REPORT: reportFile },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that the deadline also ends what the test started.
    detached: true,
  });
  running.add(child.pid);
  let output = "";
  const keep = (chunk) => {
    output = (output + chunk).slice(-OUTPUT_MAX);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  return new Promise((resolve, reject) => {
    let expired = false;
    const deadline = setTimeout(() => {
      expired = true;
      endGroup(child.pid);
    }, deadlineMs);
    child.on("error", reject);
    child.on("exit", (exitCode, signal) => {
      clearTimeout(deadline);
      running.delete(child.pid);
      endGroup(child.pid);
      const finish = () => resolve({ exitCode, signal, expired, deadlineMs, output });
      const grace = setTimeout(finish, PIPE_GRACE_MS);
      child.on("close", () => {
        clearTimeout(grace);
        finish();
      });
    });
  });
}

function endGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: nothing is left of the group, as it should be.
    if (error.code !== "ESRCH") throw error;
  }
}
