import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { findRun, inspectRun, openDirectories } from "../../src/index.js";
import type { KnownRun } from "../../src/state/index.js";
import { suite } from "../support/harness.js";
import { isRunning, orphan, supervisorOf, writeIdleVm } from "../support/idle_vm.js";
import { cgroupMount, type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { namespaceOf, statusOfThreads } from "../support/proc_reading.js";
import { type RunningCommand, runBulkhead, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("bulkhead device add, device remove", {
  needs: ["root", "qemu", "qemu-img", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
const VM = "test-plug";
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
  await writeIdleVm(fixture, VM, (text) => text.replace("accel: tcg", "accel: tcg, hotPlugSlots: 2"));
  writeDevice("disk7", "role: disk, model: lsi53c895a, disk: {file: added.img}");
  writeDevice("net7", "role: net, model: e1000, net: {disconnected: true}");
  writeFileSync(join(fixture.directory, "added.img"), "");
  truncateSync(join(fixture.directory, "added.img"), 1024 * 1024);
  makeQcow2("base.qcow2", "8M");
  makeQcow2("-b", "base.qcow2", "-F", "qcow2", "overlay.qcow2");
  writeFileSync(join(fixture.directory, "host.yaml"), "hotPlug: true\n", { mode: 0o644 });
  const started = await runBulkhead(["run", "--detach", "--host-file", "host.yaml", `${VM}.yaml`], fixture);
  assert.is(started.exitCode, 0, started.stderr);
});
test.after(async () => {
  await runBulkhead(["stop", VM, "--now"], fixture);
  assert.equal(fixture.leftovers(), []);
  await fixture.remove();
});

function writeDevice(id: string, rest: string): void {
  writeFileSync(join(fixture.directory, `${id}.yaml`), `{id: ${id}, ${rest}}\n`);
}

function makeQcow2(...args: string[]): void {
  const done = spawnSync("qemu-img", ["create", "-q", "-f", "qcow2", ...args], { cwd: fixture.directory });
  assert.is(done.status, 0, String(done.stderr));
}

const device = (...args: string[]) => runBulkhead(["device", ...args], fixture);

/** In this process: a command for each of these questions would take most of the test's time. */
function knownRun(): KnownRun {
  const run = findRun(openDirectories(fixture.environment), VM);
  if (run === null) throw new Error("the VM has ended");
  return run;
}

const FIRST = ["disk0", "disk1", "net0", "vmm"];

/** The VM is whole: what runs is what its plan says, and nothing else; its supervisor is confined; nothing is held for others. */
function assertWhole(ids: readonly string[]): void {
  const run = knownRun();
  const { processes, differences, launcher } = inspectRun(run);
  assert.equal(processes.map(({ id }) => id).sort(), [...ids].sort());
  assert.equal(differences, []);
  assert.ok(launcher?.confined, "the supervisor is confined");
  assert.equal(new Set(launcher.observed.map(({ effectiveCapabilities }) => effectiveCapabilities)), new Set(["0".repeat(16)]));
  const groups = readdirSync(`${cgroupMount()}/bulkhead/${VM}`, { withFileTypes: true });
  assert.equal(groups.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort(), [...ids].sort());
  assert.is(readdirSync(join(fixture.directory, "run/uids")).length, ids.length);
  assert.is(run.record.uids.length, ids.length);
}

/** Starts to add a device and kills a process once the device's own has its group. */
async function killWhileAdding(file: string, id: string, victim: (command: RunningCommand) => number): Promise<void> {
  const adding = startBulkhead(["device", "add", VM, file], fixture);
  while (!existsSync(`${cgroupMount()}/bulkhead/${VM}/${id}`)) await new Promise((resolve) => setImmediate(resolve));
  process.kill(victim(adding), "SIGKILL");
  await adding.finished;
}

async function guestDevices(): Promise<string> {
  return (await runBulkhead(["qmp", VM, "query-pci"], fixture)).stdout;
}

function pidOf(id: string): number {
  return knownRun().processes.find((process) => process.id === id)?.pid ?? 0;
}

test("add: the guest's bus shows the device, and its process is confined as those of the launch are", async () => {
  const added = await device("add", VM, "disk7.yaml");
  assert.is(added.exitCode, 0, added.stderr);
  assert.match(await guestDevices(), '"qdev_id": "disk7"');
  assertWhole([...FIRST, "disk7"]);
  const [own, peer] = [pidOf("disk7"), pidOf("disk0")];
  for (const name of ["Seccomp", "Seccomp_filters", "NoNewPrivs", "CapEff", "CapBnd"]) {
    assert.equal(new Set(statusOfThreads(own, name)), new Set(statusOfThreads(peer, name)), name);
  }
  assert.equal(new Set(statusOfThreads(own, "CapBnd")), new Set(["0000000000000000"]));
  assert.is.not(statusOfThreads(own, "Uid")[0], statusOfThreads(peer, "Uid")[0]);
  for (const name of ["mnt", "pid", "net", "user"]) assert.is.not(namespaceOf(own, name), namespaceOf(peer, name), name);
});

test("add: a second one takes the second slot; a third finds none", async () => {
  assert.is((await device("add", VM, "net7.yaml")).exitCode, 0);
  writeDevice("net8", "role: net, model: e1000, net: {disconnected: true}");
  const third = await device("add", VM, "net8.yaml");
  assert.is(third.exitCode, 2);
  assert.match(third.stderr, "all of its 2 hot-plug slots are taken");
  assertWhole([...FIRST, "disk7", "net7"]);
});

test("remove: the guest lets go, the process ends, and the slot is free for another", async () => {
  const pid = pidOf("net7");
  const removed = await device("remove", VM, "net7");
  assert.is(removed.exitCode, 0, removed.stderr);
  assert.not.ok(isRunning(pid));
  assert.not.match(await guestDevices(), "net7");
  assertWhole([...FIRST, "disk7"]);
  assert.is((await device("add", VM, "net7.yaml")).exitCode, 0);
  assert.is((await device("remove", VM, "net7")).exitCode, 0);
});

for (const [what, id, rest, said, exitCode] of [
  [
    "an id that the VM has",
    "disk0",
    "role: disk, model: lsi53c895a, disk: {file: new.img}",
    /disk0\.yaml:1:2.*the device id "disk0"|has the device id/,
    2,
  ],
  [
    "an image that the VM writes",
    "disk9",
    "role: disk, model: lsi53c895a, disk: {file: disk0-blank.img}",
    /VM "test-plug" \(its disk0\) holds a lock on it/,
    3,
  ],
  [
    "an image that names another file",
    "disk9",
    "role: disk, model: lsi53c895a, disk: {file: overlay.qcow2, format: qcow2}",
    /disk9\.yaml:1:\d+: cannot use the qcow2 image .*overlay\.qcow2.* takes data from a backing file/,
    2,
  ],
  ["a missing image", "disk9", "role: disk, model: lsi53c895a, disk: {file: none.img}", /ENOENT/, 2],
  ["a model of another role", "disk9", "role: disk, model: e1000, disk: {file: added.img}", /e1000/, 2],
  [
    "an unknown key",
    "disk9",
    "role: disk, model: lsi53c895a, disc: {file: added.img}",
    /disk9\.yaml:1:\d+: unknown key "disc"/,
    2,
  ],
  ["a tap that the host does not permit", "net9", "role: net, model: e1000, net: {tap: eth0}", /does not permit the tap/, 2],
] as const) {
  test(`add: ${what} is refused, and the VM is as it was`, async () => {
    writeDevice(id, rest);
    const refused = await device("add", VM, `${id}.yaml`);
    assert.is(refused.exitCode, exitCode, refused.stderr);
    assert.match(refused.stderr, said);
    assertWhole([...FIRST, "disk7"]);
  });
}

test("add: a VM that is not what its plan says gets no device, and what was begun is undone", async () => {
  const stranger = spawn("sleep", ["60"]);
  writeFileSync(`${cgroupMount()}/bulkhead/${VM}/disk1/cgroup.procs`, String(stranger.pid));
  const refused = await device("add", VM, "net7.yaml");
  assert.is(refused.exitCode, 3);
  assert.match(refused.stderr, `process ${stranger.pid} "sleep"`);
  stranger.kill("SIGKILL");
  await waitUntil(() => !isRunning(stranger.pid ?? 0), "the stranger's end");
  assertWhole([...FIRST, "disk7"]);
});

test("add: a qcow2 image with its backing file, both judged first, and both free again once the device is gone", async () => {
  const disk = "{file: overlay.qcow2, format: qcow2, backing: {file: base.qcow2, format: qcow2}}";
  writeDevice("disk8", `role: disk, model: lsi53c895a, disk: ${disk}`);
  for (const round of ["first", "again"]) {
    const added = await device("add", VM, "disk8.yaml");
    assert.is(added.exitCode, 0, `${round}: ${added.stderr}`);
    assertWhole([...FIRST, "disk7", "disk8"]);
    assert.is((await device("remove", VM, "disk8")).exitCode, 0);
  }
});

test("add: the command killed while it starts the process: the supervisor undoes it, and the next one succeeds", async () => {
  await killWhileAdding("net7.yaml", "net7", (command) => command.child.pid as number);
  await waitUntil(() => !existsSync(`${cgroupMount()}/bulkhead/${VM}/net7`), "the end of what was begun");
  await waitUntil(() => knownRun().record.uids.length === FIRST.length + 1, "the uid's return");
  assertWhole([...FIRST, "disk7"]);
  assert.is((await device("add", VM, "net7.yaml")).exitCode, 0);
  assert.is((await device("remove", VM, "net7")).exitCode, 0);
});

test("add: the supervisor killed meanwhile: who takes the VM over ends what was begun", async () => {
  const supervisor = supervisorOf(fixture, VM);
  await killWhileAdding("net7.yaml", "net7", () => supervisor);
  await waitUntil(() => !isRunning(supervisor), "the supervisor's end");
  assert.is((await runBulkhead(["attach", "--no-follow", "--host-file", "host.yaml", VM], fixture)).exitCode, 0);
  assertWhole([...FIRST, "disk7"]);
});

test("remove: a device of the VM file, and one that is not there, are refused", async () => {
  const own = await device("remove", VM, "disk0");
  assert.is(own.exitCode, 2);
  assert.match(own.stderr, /belongs to the machine.*Devices that were added: disk7/);
  assert.is((await device("remove", VM, "disk9")).exitCode, 2);
  assertWhole([...FIRST, "disk7"]);
});

test("the supervisor killed: attach finds the added device, which can be removed and added again; its death ends the VM", async () => {
  await orphan(fixture, VM);
  assert.is((await runBulkhead(["attach", "--no-follow", "--host-file", "host.yaml", VM], fixture)).exitCode, 0);
  assertWhole([...FIRST, "disk7"]);
  const removed = await device("remove", VM, "disk7");
  assert.is(removed.exitCode, 0, removed.stderr);
  const added = await device("add", VM, "disk7.yaml");
  assert.is(added.exitCode, 0, added.stderr);
  assertWhole([...FIRST, "disk7"]);
  const following = startBulkhead(["attach", VM], fixture);
  await new Promise((resolve) => setTimeout(resolve, 700));
  process.kill(pidOf("disk7"), "SIGKILL");
  const ended = await following.finished;
  assert.is(ended.exitCode, 4, ended.stderr);
  // It was no child of the supervisor's: an older kernel tells nobody but pid 1 what killed it.
  assert.match(ended.stderr, /process "disk7" died of (SIGKILL|an end that only its parent knows)/);
});

test("add: a VM without slots is told how to get some", async () => {
  await writeIdleVm(fixture, "test-plug-none");
  assert.is((await runBulkhead(["run", "--detach", "test-plug-none.yaml"], fixture)).exitCode, 0);
  const refused = await device("add", "test-plug-none", "net7.yaml");
  assert.is(refused.exitCode, 2);
  assert.match(refused.stderr, "Say `hotPlugSlots: N` under `machine`");
  assert.is((await runBulkhead(["stop", "test-plug-none", "--now"], fixture)).exitCode, 0);
});

test.run();
