import { readdirSync, readlinkSync } from "node:fs";
import * as assert from "uvu/assert";
import type { ComplianceReport } from "../../src/compliance/index.js";
import { HOSTILE_DEVICE_PROGRAM } from "../../src/kernel/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { runBulkhead } from "../support/run_command.js";

const test = suite("the compliance suite in bad sandboxes", { needs: ["root", "bubblewrap"], timeoutMs: 60_000 });

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

/** RES-02 makes a process, which nothing but its own good will ends. */
const CONTROLS = ["NET-03", "RES-02", "FIL-01", "MEM-01"].flatMap((id) => ["--control", id]);

for (const [what, command] of [
  ["no sandbox", ""],
  ["a bubblewrap that shares all", "bwrap --bind / /"],
] as const) {
  test(`comply: in ${what} every act succeeds, and nothing of it is left`, async () => {
    const { exitCode, stdout, stderr } = await runBulkhead(
      ["comply", "--format", "json", "--sandbox", command, ...CONTROLS],
      fixture,
    );
    assert.is(exitCode, 1, stderr);
    const { controls } = JSON.parse(stdout) as ComplianceReport;
    assert.equal(
      controls.map(({ id, verdict, evidence }) => [id, verdict, evidence[0]]),
      ["FIL-01", "MEM-01", "NET-03", "RES-02"].map((id) => [id, "failed", "the act succeeded"]),
    );
    assert.equal(hostileProcesses(), []);
  });
}

function hostileProcesses(): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/exe`) === HOSTILE_DEVICE_PROGRAM;
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

test.run();
