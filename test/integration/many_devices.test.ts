import { closeSync, openSync } from "node:fs";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { findRun, launch, openDirectories } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { waitUntil } from "../support/run_command.js";

const test = suite("a VM with sixteen device processes", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 90_000 });
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

/** Above RLIMIT_NOFILE of every device role: a child's own next fd would lie beyond its limit. */
const HELD_FDS = 300;

test("a launcher with hundreds of open fds: a child's probes still find a number within its limit", async () => {
  const held = Array.from({ length: HELD_FDS }, () => openSync("/dev/null", "r"));
  try {
    const machine = await launch(await fixture.request(demoVmText({ name: vmName("test-fds-held"), disks: "blank" })));
    machine.kill();
    await machine.ended;
  } finally {
    for (const fd of held) closeSync(fd);
  }
});

const DISKS = 8;
const CARDS = 8;
const DISK_BYTES = 1024 * 1024;

async function sixteenDevices(name: string): Promise<string> {
  const disks = Array.from({ length: DISKS }, (_, index) => `many${index}.img`);
  for (const image of disks) {
    await writeFile(join(fixture.directory, image), "");
    await truncate(join(fixture.directory, image), DISK_BYTES);
  }
  const lines = [
    ...disks.map((image, index) => `  - {id: disk${index}, role: disk, model: lsi53c895a, disk: {file: ${image}}}`),
    ...Array.from({ length: CARDS }, (_, index) => `  - {id: net${index}, role: net, model: e1000, net: {disconnected: true}}`),
  ];
  const text = demoVmText({ name, disks: "blank", more: "onDeviceExit: pause" });
  return `${text.slice(0, text.indexOf("devices:"))}devices:\n${lines.join("\n")}\n`;
}

test("sixteen devices launch, are lost one by one while the VM is paused, and nothing is left", async () => {
  const directories = openDirectories(fixture.environment);
  const machine = await launch(await fixture.request(await sixteenDevices(vmName("test-sixteen"))));
  try {
    const devices = [...machine.pids].filter(([id]) => id !== "vmm");
    assert.is(devices.length, DISKS + CARDS);
    for (const [id, pid] of devices) {
      process.kill(pid, "SIGKILL");
      await waitUntil(() => !isAlive(pid), `the end of ${id}`);
    }
    await waitUntil(() => findRun(directories, vmName("test-sixteen"))?.state === "paused", "the pause");
    const vmm = machine.pids.get("vmm") ?? 0;
    assert.ok(isAlive(vmm), "the VMM waits, paused");
  } finally {
    machine.kill();
  }
  const ending = await machine.ended;
  assert.is(ending.reason, "device-died");
});

/** A reaped process has no entry; one that waits to be reaped counts as dead. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test.run();
