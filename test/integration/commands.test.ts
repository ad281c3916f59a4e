import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { assertEveryLayer, EVERY_LAYER, type ReportedLayer } from "../support/layer_reports.js";
import { cgroupMount, demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { type RunningCommand, runBulkhead, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("bulkhead ps, inspect, stop, gc, plan, doctor", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

interface Listed {
  readonly vm: string;
  readonly state: string;
  readonly processes: readonly { readonly id: string; readonly role: string; readonly pid: number }[];
}

async function list(): Promise<Listed[]> {
  return JSON.parse((await runBulkhead(["ps", "--json"], fixture)).stdout) as Listed[];
}

async function find(vm: string): Promise<Listed | undefined> {
  return (await list()).find((entry) => entry.vm === vm);
}

/** Starts a VM whose firmware finds nothing to boot, and waits until it runs. */
async function startIdle(vm: string, more = ""): Promise<RunningCommand> {
  await writeFile(join(fixture.directory, `${vm}.yaml`), demoVmText({ name: vm, disks: "blank", more }));
  const command = startBulkhead(["run", `${vm}.yaml`], fixture);
  await waitUntil(async () => (await find(vm))?.state === "running", `VM ${vm} running`);
  return command;
}

/** Whoever inherited an orphan may take its time to reap it; a zombie does not run. */
function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) Z /.test(readFileSync(path, "utf8"));
}

function pidOf(entry: Listed | undefined, id: string): number {
  return entry?.processes.find((process) => process.id === id)?.pid ?? 0;
}

test("ps lists a running VM; inspect finds nothing that differs; stop ends it with exit 0", async () => {
  const command = await startIdle(vmName("test-listed"));
  const entry = await find(vmName("test-listed"));
  assert.equal(entry?.processes.map(({ id, role }) => [id, role]).sort(), [
    ["disk0", "disk"],
    ["disk1", "disk"],
    ["net0", "net"],
    ["vmm", "vmm"],
  ]);
  for (const { pid } of entry?.processes ?? []) assert.match(readFileSync(`/proc/${pid}/comm`, "utf8"), "qemu");
  const inspected = await runBulkhead(["inspect", vmName("test-listed"), "--json"], fixture);
  assert.is(inspected.exitCode, 0, inspected.stdout + inspected.stderr);
  const report = JSON.parse(inspected.stdout) as {
    schemaVersion: number;
    vm: string;
    state: string;
    processes: { id: string; layers: Record<string, ReportedLayer> }[];
  };
  assert.is(report.schemaVersion, 1);
  assert.is(report.state, "running");
  assert.equal(report.processes.map(({ id }) => id).sort(), ["disk0", "disk1", "net0", "vmm"]);
  for (const { id, layers } of report.processes) {
    assertEveryLayer(layers, id);
    assert.is(layers["seccomp"]?.status, "enforced", id);
  }
  assert.is((await runBulkhead(["stop", vmName("test-listed")], fixture)).exitCode, 0);
  assert.is((await command.finished).exitCode, 0);
  assert.equal(await list(), []);
});

test("inspect: a process that joined the VM's group since is reported, exit 1", async () => {
  const command = await startIdle(vmName("test-joined"));
  const stranger = spawn("sleep", ["60"]);
  await writeFile(`${cgroupMount()}/bulkhead/${vmName("test-joined")}/disk0/cgroup.procs`, String(stranger.pid));
  const inspected = await runBulkhead(["inspect", vmName("test-joined")], fixture);
  assert.is(inspected.exitCode, 1);
  assert.match(inspected.stdout, `process ${stranger.pid} "sleep"`);
  await runBulkhead(["stop", vmName("test-joined")], fixture);
  await command.finished;
});

test("a second VM of the same name is refused with exit 3 and does the first no harm", async () => {
  const command = await startIdle(vmName("test-twice"));
  const second = await runBulkhead(["run", `${vmName("test-twice")}.yaml`], fixture);
  assert.is(second.exitCode, 3);
  assert.match(second.stderr, /Cannot launch VM "test-twice-\w+": another launcher runs it/);
  assert.is((await find(vmName("test-twice")))?.state, "running");
  await runBulkhead(["stop", vmName("test-twice"), "--now"], fixture);
  await command.finished;
});

test("SIGTERM to the launcher ends the VM in order, exit 0", async () => {
  const command = await startIdle(vmName("test-term"));
  command.child.kill("SIGTERM");
  assert.is((await command.finished).exitCode, 0);
});

test("launcher killed with SIGKILL: the VM is orphaned and serves on; gc ends it and leaves nothing", async () => {
  const command = await startIdle(vmName("test-orphan"));
  command.child.kill("SIGKILL");
  await command.finished;
  const entry = await find(vmName("test-orphan"));
  assert.is(entry?.state, "orphaned");
  assert.is(entry?.processes.length, 4);
  const kept = await runBulkhead(["gc", "--keep-orphans"], fixture);
  assert.is(kept.exitCode, 0);
  assert.is((await find(vmName("test-orphan")))?.state, "orphaned");
  const ended = await runBulkhead(["gc"], fixture);
  assert.match(ended.stderr, vmName("test-orphan"));
  for (const { pid } of entry?.processes ?? []) assert.not.ok(isRunning(pid));
});

test("launcher killed with SIGKILL: stop ends the orphan", async () => {
  const command = await startIdle(vmName("test-orphan2"));
  command.child.kill("SIGKILL");
  await command.finished;
  assert.is((await runBulkhead(["stop", vmName("test-orphan2")], fixture)).exitCode, 0);
});

test("a device that is killed ends the VM with exit 4 and is named", async () => {
  const command = await startIdle(vmName("test-death"));
  process.kill(pidOf(await find(vmName("test-death")), "disk1"), "SIGKILL");
  const result = await command.finished;
  assert.is(result.exitCode, 4, result.stderr);
  assert.match(result.stderr, /process "disk1" died of SIGKILL/);
});

test("onDeviceExit: pause keeps the VMM for an operator; stop then tells the cause", async () => {
  const command = await startIdle(vmName("test-pause"), "onDeviceExit: pause");
  process.kill(pidOf(await find(vmName("test-pause")), "net0"), "SIGKILL");
  await waitUntil(async () => (await find(vmName("test-pause")))?.state === "paused", "VM paused");
  await runBulkhead(["stop", vmName("test-pause")], fixture);
  const result = await command.finished;
  assert.is(result.exitCode, 4, result.stderr);
});

test("SIGHUP to the launcher ends the VM in order, exit 0", async () => {
  const command = await startIdle(vmName("test-hangup"));
  command.child.kill("SIGHUP");
  assert.is((await command.finished).exitCode, 0);
});

test("stop --now does not wait for the guest", async () => {
  const text = demoVmText({ name: vmName("test-now"), disks: "blank" }).replace("shutdownGraceMs: 200", "shutdownGraceMs: 20000");
  await writeFile(join(fixture.directory, `${vmName("test-now")}.yaml`), text);
  const command = startBulkhead(["run", `${vmName("test-now")}.yaml`], fixture);
  await waitUntil(async () => (await find(vmName("test-now")))?.state === "running", "VM running");
  const begin = Date.now();
  assert.is((await runBulkhead(["stop", vmName("test-now"), "--now"], fixture)).exitCode, 0);
  assert.ok(Date.now() - begin < 10_000);
  await command.finished;
});

test("a reader of the launcher's output that goes away ends no VM", async () => {
  await writeFile(
    join(fixture.directory, `${vmName("test-pipe")}.yaml`),
    demoVmText({ name: vmName("test-pipe"), disks: "blank" }),
  );
  const command = startBulkhead(["run", "--verbose", `${vmName("test-pipe")}.yaml`], fixture);
  command.child.stdout?.destroy();
  command.child.stderr?.destroy();
  await waitUntil(async () => (await find(vmName("test-pipe")))?.state === "running", "VM running");
  await runBulkhead(["stop", vmName("test-pipe")], fixture);
  assert.is((await command.finished).exitCode, 0);
});

test("inspect: a process that ended is reported, exit 1", async () => {
  const command = await startIdle(vmName("test-gone"), "onDeviceExit: pause");
  process.kill(pidOf(await find(vmName("test-gone")), "net0"), "SIGKILL");
  await waitUntil(async () => (await find(vmName("test-gone")))?.state === "paused", "VM paused");
  const inspected = await runBulkhead(["inspect", vmName("test-gone")], fixture);
  assert.is(inspected.exitCode, 1);
  assert.match(inspected.stdout, "net0, namespaces: planned running, observed ended");
  await runBulkhead(["stop", vmName("test-gone")], fixture);
  await command.finished;
});

test("plan --json prints every process with its fds, and reserves nothing", async () => {
  await writeFile(join(fixture.directory, "plan.yaml"), demoVmText({ name: vmName("test-plan"), disks: "blank" }));
  const result = await runBulkhead(["plan", "plan.yaml", "--json"], fixture);
  assert.is(result.exitCode, 0, result.stderr);
  const plan = JSON.parse(result.stdout) as {
    schemaVersion: number;
    vm: string;
    processes: { id: string; argv: string[]; fds: { fd: number }[] }[];
  };
  assert.is(plan.schemaVersion, 1);
  assert.equal(
    plan.processes.map(({ id }) => id),
    ["disk0", "disk1", "net0", "vmm"],
  );
  assert.not.match(JSON.stringify(plan.processes.map(({ argv }) => argv)), "blank.img");
});

for (const [args, code] of [
  [["run", "--no-such-flag", "x.yaml"], 2],
  [["run"], 2],
  [["no-such-command"], 2],
  [["run", "missing.yaml"], 2],
  [["inspect", "test-nobody"], 3],
  [["stop", "test-nobody"], 3],
  [["--help"], 0],
  [["run", "--help"], 0],
] as const) {
  test(`bulkhead ${args.join(" ")} exits with ${code} and shows no stack`, async () => {
    const result = await runBulkhead(args, fixture);
    assert.is(result.exitCode, code, result.stderr);
    assert.not.match(result.stderr, /\n\s+at /);
  });
}

test("every command has help with examples", async () => {
  for (const command of ["run", "plan", "ps", "inspect", "stop", "doctor", "gc"]) {
    assert.match((await runBulkhead([command, "--help"], fixture)).stdout, `Examples:\n  bulkhead ${command}`);
  }
});

test("doctor --json names every layer with its status", async () => {
  const result = await runBulkhead(["doctor", "--json"], fixture);
  const report = JSON.parse(result.stdout) as { layers: Record<string, { status: string }> };
  assert.equal(Object.keys(report.layers), EVERY_LAYER);
  for (const layer of Object.values(report.layers)) assert.ok(["enforced", "partial", "unavailable"].includes(layer.status));
  assert.is(result.exitCode, Object.values(report.layers).every((layer) => layer.status === "enforced") ? 0 : 1);
});

test.run();
