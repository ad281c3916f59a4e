import * as assert from "uvu/assert";
import type { ComplianceReport } from "../../src/compliance/index.js";
import { parseReport } from "../../src/compliance/report/report_schema.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { runBulkhead } from "../support/run_command.js";

/** A minute and a half on two idle CPUs; six on two that seven others share. */
const test = suite("the compliance suite, whole, on this host", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 1_000_000,
});

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture({ refusals: "expected" });
});
test.after(() => fixture.remove());

const ROLES = ["disk", "net", "serial", "usb", "audio", "watchdog", "vmm"];

test("every control passes in every role, or its layer is not on this host", async () => {
  const { exitCode, stdout, stderr } = await runBulkhead(["comply", "--format", "json"], fixture);
  const report: ComplianceReport = parseReport(stdout, "standard output");
  const bad = report.controls.filter(({ verdict }) => verdict === "failed" || verdict === "broken");
  assert.equal(bad, [], stderr);
  assert.is(exitCode, 0, stderr);
  const passed = report.controls.filter(({ verdict }) => verdict === "passed");
  assert.ok(new Set(passed.map(({ id }) => id)).size >= 120, `${passed.length} passed`);
  for (const role of ROLES) assert.ok(passed.filter((control) => control.role === role).length >= 120, role);
  for (const { id, layer } of passed) assert.not.equal(layer, null, `${id} passed, and no layer is credited`);
  assert.equal(
    report.plans.map(({ differences }) => differences.length),
    ROLES.map(() => 2),
  );
  assert.ok(ROLES.every((role) => report.depth.some((depth) => depth.role === role)));
  assert.equal(fixture.leftovers(), []);
});

test.run();
