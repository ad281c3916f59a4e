import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../repository.mjs";
import { endLeftVms } from "./left_vms.mjs";

/** Output kept per test file, in characters; what comes before is dropped. */
const OUTPUT_MAX = 64 * 1024;
/** How long to wait for the pipes to close once the process is gone, in ms: a left-over child may still hold them. */
const PIPE_GRACE_MS = 1000;
/** Few enough for a network interface's name (IFNAMSIZ is 16), many enough that no two runs on a host meet. */
const RUN_ID_BYTES = 3;

/** Test files that run now, by their process groups: what is to be ended with the runner. */
const running = new Map();

/**
 * Runs one test file in a Node process of its own and answers `{file, results, output, durationMs}`. Whatever keeps the
 * file from giving a full and credible account of itself becomes one more failed result.
 */
export async function runTestFile(file, { dist, deadlineMs }) {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-test-"));
  // Other uids come through here to what a test opens to them.
  chmodSync(folder, 0o755);
  const reportFile = join(folder, "report.json");
  const script = join(dist, file.replace(/\.ts$/, ".js"));
  const startedMs = performance.now();
  const end = await runProcess(script, { folder, dist, reportFile, deadlineMs });
  const results = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, "utf8")).results : [];
  const left = endLeftVms(folder, dist);
  const complaint = findComplaint(end, results, existsSync(reportFile)) ?? wordLeft(left);
  if (complaint !== null) {
    results.push({ suite: file, test: "(the file)", outcome: "failed", message: complaint, durationMs: 0 });
  }
  // Only now: an error above leaves the states that it is about.
  rmSync(folder, { recursive: true, force: true });
  return { file, results, output: end.output, durationMs: performance.now() - startedMs };
}

/** Ends every test process that still runs, with its children and its VMs. */
export function endRunningTests() {
  for (const pid of running.keys()) endGroup(pid);
  for (const { folder, dist } of running.values()) {
    endLeftVms(folder, dist);
    rmSync(folder, { recursive: true, force: true });
  }
}

function wordLeft(names) {
  return names.length === 0 ? null : `left VMs that had to be ended: ${names.join(", ")}`;
}

function findComplaint({ exitCode, signal, expired, deadlineMs }, results, reported) {
  if (expired) return `did not end within ${deadlineMs} ms and was killed`;
  if (signal !== null) return `died of ${signal} (${constants.signals[signal]})`;
  if (!reported) return `exited with code ${exitCode} without a report: does it use test/support/harness.ts?`;
  if (results.length === 0) return "ran no test";
  const failed = results.some(({ outcome }) => outcome === "failed");
  return exitCode !== 0 && !failed ? `exited with code ${exitCode} though no test failed` : null;
}

/** The environment tells test/support/run_identity.ts where the file's states go and what sets its names apart on this host. */
function runProcess(script, { folder, dist, reportFile, deadlineMs }) {
  const identity = { BULKHEAD_TEST_FOLDER: folder, BULKHEAD_TEST_RUN: randomBytes(RUN_ID_BYTES).toString("hex") };
  const child = spawn(process.execPath, ["--enable-source-maps", script], {
    cwd: REPOSITORY,
    env: { ...process.env, ...identity, BULKHEAD_TEST_REPORT: reportFile },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that the deadline also ends what the test started.
    detached: true,
  });
  running.set(child.pid, { folder, dist });
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
