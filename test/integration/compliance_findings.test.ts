import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ComplianceReport } from "../../src/compliance/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { repositoryRoot } from "../support/repository.js";
import { runBulkhead } from "../support/run_command.js";

const test = suite("what the compliance suite says of bad sandboxes", {
  needs: ["root", "qemu-tcg", "user-namespaces"],
  timeoutMs: 120_000,
});

let fixture: MachineFixture;
let policies: string;
test.before(async () => {
  fixture = await makeFixture();
  policies = mkdtempSync(join(tmpdir(), "bulkhead-policies-"));
});
test.after(async () => {
  rmSync(policies, { recursive: true });
  await fixture.remove();
});

/** A report of the suite, and how the command ended. */
async function comply(...args: string[]): Promise<{ status: number | null; report: ComplianceReport }> {
  const { exitCode, stdout, stderr } = await runBulkhead(["comply", "--format", "json", ...args], fixture);
  assert.match(stdout, /^\{/, stderr);
  return { status: exitCode, report: JSON.parse(stdout) as ComplianceReport };
}

/** The shipped policies with a line more in the disk role's sets. */
function widened(file: string, change: (text: string) => string): string {
  cpSync(join(repositoryRoot, "policies"), policies, { recursive: true });
  const path = join(policies, file);
  const before = readFileSync(path, "utf8");
  assert.is.not(change(before), before);
  writeFileSync(path, change(before));
  return policies;
}

const RUN = "\n  run:\n";

test("a policy with one call more: the act of that call succeeds, and what was reviewed names it", async () => {
  const folder = widened("sets/remote-device.yaml", (text) => text.replace(RUN, `${RUN}    - socket: {why: "a mutant"}\n`));
  const { status, report } = await comply("--role", "disk", "--policies", folder, "--control", "NET-03");
  assert.is(status, 1);
  const [control] = report.controls;
  assert.is(control?.verdict, "failed");
  assert.match(control?.evidence.join(" ") ?? "", /the act succeeded socket succeeded/);
  assert.is(report.mutation, null);
});

test("without its filter: an act succeeds, and the words say so", async () => {
  const { status, report } = await comply("--role", "disk", "--control", "MEM-01", "--without", "seccomp");
  assert.is(status, 1);
  assert.match(report.controls[0]?.evidence.join(" ") ?? "", /the act succeeded mmap succeeded/);
});

test("a process with hardly a layer, as QEMU by itself: what fails is named control by control", async () => {
  const off = ["seccomp", "landlock", "namespaces", "capabilities", "uid", "rlimits", "cgroup"];
  for (const control of ["NET-03", "RES-02", "MEM-16"]) {
    const { status, report } = await comply("--role", "disk", "--control", control, "--without", ...off);
    assert.is(status, 1);
    assert.is(report.controls[0]?.verdict, "failed");
  }
});

test("the whole sandbox: the same controls pass, each credited to a layer", async () => {
  for (const control of ["NET-03", "MEM-01"]) {
    const { status, report } = await comply("--role", "disk", "--control", control);
    assert.is(status, 0, JSON.stringify(report.controls));
    assert.equal(
      report.controls.map(({ verdict, layer }) => [verdict, layer]),
      [["passed", "seccomp"]],
    );
  }
  assert.equal(fixture.leftovers(), []);
});

test("a control of a folder of one's own runs as the others do", async () => {
  const folder = join(repositoryRoot, "examples/controls");
  const { status, report } = await comply("--role", "net", "--controls", folder, "--control", "LOC-01");
  assert.is(status, 0);
  assert.equal(
    report.controls.map(({ id, verdict }) => [id, verdict]),
    [["LOC-01", "passed"]],
  );
});

test.run();
