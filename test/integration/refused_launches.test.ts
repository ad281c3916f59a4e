import { spawn } from "node:child_process";
import { mkdirSync, rmdirSync } from "node:fs";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { launch, parseVmText, previewPlan } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { runBulkhead } from "../support/run_command.js";

const test = suite("launches that are refused or interrupted", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 30_000,
});
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

test("a launch that is interrupted when the guest runs already is cleaned up once, with its own error", async () => {
  const interruption = new AbortController();
  const request = await fixture.request(demoVmText({ name: vmName("test-abort"), disks: "blank" }), {
    signal: interruption.signal,
    onStep: (step) => step === "continue" && interruption.abort(),
  });
  const error = await launch(request).then(
    () => null,
    (cause: Error & { code?: string }) => cause,
  );
  assert.is(error?.code, "launch-aborted", error?.stack);
});

test("a cgroup of the VM's name that stood before fails the launch, and its processes live on", async () => {
  await writeFile(
    join(fixture.directory, `${vmName("test-group")}.yaml`),
    demoVmText({ name: vmName("test-group"), disks: "blank" }),
  );
  const plan = JSON.parse((await runBulkhead(["plan", `${vmName("test-group")}.yaml`, "--json"], fixture)).stdout) as {
    cgroup: { path: string };
  };
  mkdirSync(plan.cgroup.path, { recursive: true });
  const owner = spawn("sleep", ["60"]);
  const ended = new Promise((resolve) => owner.on("close", resolve));
  try {
    await writeFile(`${plan.cgroup.path}/cgroup.procs`, String(owner.pid));
    const result = await runBulkhead(["run", `${vmName("test-group")}.yaml`], fixture);
    assert.is(result.exitCode, 3, result.stderr);
    assert.match(result.stderr, /EEXIST/);
    assert.is(owner.signalCode, null);
  } finally {
    owner.kill();
    await ended;
    rmdirSync(plan.cgroup.path);
  }
});

test("a kernel larger than the guest's memory is refused at its position", async () => {
  await writeFile(join(fixture.directory, "vmlinuz"), "");
  await truncate(join(fixture.directory, "vmlinuz"), 65 * 1024 * 1024);
  const text = demoVmText({ name: vmName("test-boot"), disks: "blank" }).replace(
    "console:",
    "boot: {kernel: {file: vmlinuz}}\nconsole:",
  );
  await writeFile(join(fixture.directory, `${vmName("test-boot")}.yaml`), text);
  const result = await runBulkhead(["plan", `${vmName("test-boot")}.yaml`], fixture);
  assert.is(result.exitCode, 2, result.stderr);
  assert.match(result.stderr, /test-boot-\w+\.yaml:3:\d+: cannot boot "vmlinuz": kernel and initrd have 68157440 bytes/);
});

test("a VM file on standard input: its files need imageRoots; without files it needs none", async () => {
  const text = demoVmText({ name: vmName("test-stdin"), disks: "blank" });
  const request = async (yaml: string) => {
    const base = await fixture.request(yaml);
    return { ...base, spec: parseVmText(yaml, { file: "-", directory: fixture.directory }) };
  };
  const error = await previewPlan(await request(text)).then(
    () => null,
    (cause: Error & { code?: string }) => cause,
  );
  assert.is(error?.code, "stdin-needs-image-roots", error?.stack);
  const rooted = await request(text);
  await previewPlan({ ...rooted, hostConfig: { ...rooted.hostConfig, imageRoots: [fixture.directory] } });
  await previewPlan(
    await request(
      text
        .split("\n")
        .filter((line) => !line.includes("disk"))
        .join("\n"),
    ),
  );
});

test.run();
