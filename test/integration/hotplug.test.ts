import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { isRunning, writeIdleVm } from "../support/idle_vm.js";
import { vmName } from "../support/machine_fixture.js";
import { PluggableVm } from "../support/pluggable_vm.js";
import { namespaceOf, statusOfThreads } from "../support/proc_reading.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("bulkhead device add, device remove", {
  needs: ["root", "qemu-tcg", "qemu-img", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
const VM = vmName("test-plug");
let plugged: PluggableVm;

test.before(async () => {
  plugged = await PluggableVm.start(VM);
  makeQcow2("base.qcow2", "8M");
  makeQcow2("-b", "base.qcow2", "-F", "qcow2", "overlay.qcow2");
});
test.after(() => plugged.end());

function makeQcow2(...args: string[]): void {
  const done = spawnSync("qemu-img", ["create", "-q", "-f", "qcow2", ...args], { cwd: plugged.fixture.directory });
  assert.is(done.status, 0, String(done.stderr));
}

async function guestDevices(): Promise<string> {
  return (await runBulkhead(["qmp", VM, "query-pci"], plugged.fixture)).stdout;
}

test("add: the guest's bus shows the device, and its process is confined as those of the launch are", async () => {
  const added = await plugged.device("add", "disk7.yaml");
  assert.is(added.exitCode, 0, added.stderr);
  assert.match(await guestDevices(), '"qdev_id": "disk7"');
  plugged.assertWhole("disk7");
  const [own, peer] = [plugged.pidOf("disk7"), plugged.pidOf("disk0")];
  for (const name of ["Seccomp", "Seccomp_filters", "NoNewPrivs", "CapEff", "CapBnd"]) {
    assert.equal(new Set(statusOfThreads(own, name)), new Set(statusOfThreads(peer, name)), name);
  }
  assert.equal(new Set(statusOfThreads(own, "CapBnd")), new Set(["0000000000000000"]));
  assert.is.not(statusOfThreads(own, "Uid")[0], statusOfThreads(peer, "Uid")[0]);
  for (const name of ["mnt", "pid", "net", "user"]) assert.is.not(namespaceOf(own, name), namespaceOf(peer, name), name);
});

test("add: a second one takes the second slot; a third finds none", async () => {
  assert.is((await plugged.device("add", "net7.yaml")).exitCode, 0);
  plugged.writeDevice("net8", "role: net, model: e1000, net: {disconnected: true}");
  const third = await plugged.device("add", "net8.yaml");
  assert.is(third.exitCode, 2);
  assert.match(third.stderr, "all of its 2 hot-plug slots are taken");
  plugged.assertWhole("disk7", "net7");
});

test("remove: the guest lets go, the process ends, and the slot is free for another", async () => {
  const pid = plugged.pidOf("net7");
  const removed = await plugged.device("remove", "net7");
  assert.is(removed.exitCode, 0, removed.stderr);
  assert.not.ok(isRunning(pid));
  assert.not.match(await guestDevices(), "net7");
  plugged.assertWhole("disk7");
  assert.is((await plugged.device("add", "net7.yaml")).exitCode, 0);
  assert.is((await plugged.device("remove", "net7")).exitCode, 0);
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
    /VM "test-plug-\w+" \(its disk0\) holds a lock on it/,
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
    plugged.writeDevice(id, rest);
    const refused = await plugged.device("add", `${id}.yaml`);
    assert.is(refused.exitCode, exitCode, refused.stderr);
    assert.match(refused.stderr, said);
    plugged.assertWhole("disk7");
  });
}

test("add: a VM that is not what its plan says gets no device, and what was begun is undone", async () => {
  const stranger = spawn("sleep", ["60"]);
  writeFileSync(`${plugged.groupOf("disk1")}/cgroup.procs`, String(stranger.pid));
  const refused = await plugged.device("add", "net7.yaml");
  assert.is(refused.exitCode, 3);
  assert.match(refused.stderr, `process ${stranger.pid} "sleep"`);
  stranger.kill("SIGKILL");
  await waitUntil(() => !isRunning(stranger.pid ?? 0), "the stranger's end");
  plugged.assertWhole("disk7");
});

test("add: a qcow2 image with its backing file, both judged first, and both free again once the device is gone", async () => {
  const disk = "{file: overlay.qcow2, format: qcow2, backing: {file: base.qcow2, format: qcow2}}";
  plugged.writeDevice("disk8", `role: disk, model: lsi53c895a, disk: ${disk}`);
  for (const round of ["first", "again"]) {
    const added = await plugged.device("add", "disk8.yaml");
    assert.is(added.exitCode, 0, `${round}: ${added.stderr}`);
    plugged.assertWhole("disk7", "disk8");
    assert.is((await plugged.device("remove", "disk8")).exitCode, 0);
  }
});

test("remove: a device of the VM file, and one that is not there, are refused", async () => {
  const own = await plugged.device("remove", "disk0");
  assert.is(own.exitCode, 2);
  assert.match(own.stderr, /belongs to the machine.*Devices that were added: disk7/);
  assert.is((await plugged.device("remove", "disk9")).exitCode, 2);
  plugged.assertWhole("disk7");
});

test("add: a VM without slots is told how to get some", async () => {
  await writeIdleVm(plugged.fixture, vmName("test-plug-none"));
  const started = await runBulkhead(["run", "--detach", `${vmName("test-plug-none")}.yaml`], plugged.fixture);
  assert.is(started.exitCode, 0, started.stderr);
  const refused = await runBulkhead(["device", "add", vmName("test-plug-none"), "net7.yaml"], plugged.fixture);
  assert.is(refused.exitCode, 2);
  assert.match(refused.stderr, "Say `hotPlugSlots: N` under `machine`");
  assert.is((await runBulkhead(["stop", vmName("test-plug-none"), "--now"], plugged.fixture)).exitCode, 0);
});

test.run();
