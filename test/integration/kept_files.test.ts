import { closeSync, openSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { addon } from "../../src/kernel/index.js";
import { KEPT_AUDIT, Keeper } from "../../src/machine/keeper.js";
import { suite } from "../support/harness.js";
import { isRunning, orphan, supervisorOf, writeIdleVm } from "../support/idle_vm.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { PluggableVm } from "../support/pluggable_vm.js";
import { linksOfFds } from "../support/proc_reading.js";
import { Provoker } from "../support/provoke.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";

const needs = ["root", "qemu-tcg", "user-namespaces"] as const;
const test = suite("files that outlive a launcher", { needs, timeoutMs: 60_000 });
const told = suite("the audit socket that outlives a launcher", { needs: [...needs, "audit"], timeoutMs: 60_000 });

/** ptrace(2), which no role may call: asm/unistd_64.h. */
const PTRACE_CALL = 101;
/** More than the kernel writes about one call: MAX_AUDIT_MESSAGE_LENGTH, include/uapi/linux/audit.h. */
const RECORD_BYTES = 8970;

const detach = async (fixture: MachineFixture, vm: string, change: (text: string) => string): Promise<void> => {
  await writeIdleVm(fixture, vm, change);
  const started = await runBulkhead(["run", "--detach", `${vm}.yaml`], fixture);
  assert.is(started.exitCode, 0, started.stderr);
};

/** Whether nobody has the lock that a VM has on a file that it writes. */
function isFree(path: string): boolean {
  const fd = openSync(path, "a");
  try {
    return addon.tryLock({ fd });
  } finally {
    closeSync(fd);
  }
}

const holds = (pid: number, path: string): boolean => [...linksOfFds(pid).values()].includes(path);

test("a serial port's file: locked while nobody supervises, the next supervisor's, and free when the VM has ended", async () => {
  const fixture = await makeFixture();
  const vm = vmName("kept-line");
  const port = "  - {id: com0, role: serial, model: pci-serial, serial: {file: com0.log}}\n";
  await detach(fixture, vm, (text) => text.replace("devices:\n", `devices:\n${port}`));
  const path = join(fixture.directory, "com0.log");
  await orphan(fixture, vm);
  assert.not.ok(isFree(path), "an orphan's file is its own");
  assert.is((await runBulkhead(["attach", "--no-follow", vm], fixture)).exitCode, 0);
  assert.ok(holds(supervisorOf(fixture, vm), path), "the next supervisor writes it");
  assert.not.ok(isFree(path));
  assert.is((await runBulkhead(["stop", vm, "--now"], fixture)).exitCode, 0);
  assert.ok(isFree(path));
  await fixture.remove();
});

test("the file of a serial port that was added: kept like the others, and free as soon as the port is removed", async () => {
  const plugged = await PluggableVm.start(vmName("kept-added"));
  const { fixture, vm } = plugged;
  plugged.writeDevice("com7", "role: serial, model: pci-serial, serial: {file: com7.log}");
  assert.is((await plugged.device("add", "com7.yaml")).exitCode, 0);
  const path = join(fixture.directory, "com7.log");
  await orphan(fixture, vm);
  assert.not.ok(isFree(path), "an orphan's file is its own");
  await plugged.attach();
  assert.ok(holds(supervisorOf(fixture, vm), path), "the next supervisor writes it");
  const removed = await plugged.device("remove", "com7");
  assert.is(removed.exitCode, 0, removed.stderr);
  await waitUntil(() => isFree(path), "the file's freedom");
  await plugged.end();
});

test.run();

told(
  "what the kernel says of a death that nobody sees waits in the launcher's own socket, which the next supervisor has",
  async () => {
    const fixture = await makeFixture();
    const provoker = new Provoker();
    const vm = vmName("kept-audit");
    await detach(fixture, vm, (text) => `${text}onDeviceExit: pause\n`);
    await orphan(fixture, vm);
    const listed = JSON.parse((await runBulkhead(["ps", "--json"], fixture)).stdout) as {
      processes: { id: string; pid: number }[];
    }[];
    const pid = listed[0]?.processes.find(({ id }) => id === "net0")?.pid ?? 0;
    provoker.call(pid, PTRACE_CALL);
    provoker.remove();
    await waitUntil(() => !isRunning(pid), "the death");
    const keeper = Keeper.connect(vm, join(fixture.directory, "run/vms", vm));
    const kept = keeper.take();
    keeper.close();
    const audit = kept.get(KEPT_AUDIT) as number;
    const socket = readlinkSync(`/proc/self/fd/${audit}`);
    await waitUntil(() => readRecord(audit).includes(`pid=${pid} `), "the record of the call");
    for (const fd of kept.values()) closeSync(fd);
    // The other process's: its monitor is held, and the VM serves on. A supervisor that opened a socket of its own has another.
    assert.is((await runBulkhead(["attach", "--no-follow", vm], fixture)).exitCode, 0);
    assert.ok([...linksOfFds(supervisorOf(fixture, vm)).values()].includes(socket), "it reads on where the dead launcher did");
    await runBulkhead(["stop", vm, "--now"], fixture);
    await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
    await fixture.remove();
  },
);

/** The next record in the socket; empty when there is none. */
function readRecord(fd: number): string {
  const buffer = Buffer.alloc(RECORD_BYTES);
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
    throw error;
  }
}

told.run();
