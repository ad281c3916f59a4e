import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type LaunchRequest, launch, type RunningMachine } from "../../src/index.js";
import { writeBootImage } from "../support/boot_sectors.js";
import { EventLoopStalls } from "../support/event_loop_stalls.js";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";
import { waitUntil } from "../support/run_command.js";

const test = suite("a flood of output", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** CPU time between two rounds of the launcher's event loop, in which it does nothing for anyone else. */
const BUSY_MAX_MS = 250;
/** How much later than its deadline a hang may be told: a timer of a launcher on a machine under load, and the reading of its log. */
const LATE_MS = 600;

let fixture: MachineFixture;
let provoker: Provoker;
test.before(async () => {
  fixture = await makeFixture();
  provoker = new Provoker();
});
test.after(() => {
  provoker.remove();
  return fixture.remove();
});
test.afterEach(() => assert.equal(fixture.leftovers(), []));

async function start(text: string, change?: Partial<LaunchRequest>): Promise<RunningMachine> {
  return launch(await fixture.request(text, change));
}

/** Ends the VM whatever becomes of the test. */
async function during(machine: RunningMachine, body: (machine: RunningMachine) => Promise<void>): Promise<void> {
  try {
    await body(machine);
  } finally {
    machine.kill();
    await machine.ended;
  }
}

/** Bytes that a process tried to write: syscw counts the calls, refused ones too (proc_pid_io(5)); each is of 4096 bytes. */
function triedBytes(pid: number): number {
  return Number(/^syscw: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]) * 4096;
}

test("a device that writes 1 GiB to standard error is not held up, and neither is the launcher", async () => {
  const shown: string[] = [];
  const text = demoVmText({ name: vmName("flood-stderr"), disks: "blank", more: "hangDeadlineMs: 60000" });
  await during(await start(text, { onLogLine: (id, line) => id === "disk1" && shown.push(line) }), async (machine) => {
    const pid = machine.pids.get("disk1") as number;
    const before = process.memoryUsage().rss;
    const loop = new EventLoopStalls();
    provoker.flood(pid);
    await waitUntil(() => triedBytes(pid) > GIB, "1 GiB written", 45_000);
    loop.stop();
    assert.ok(loop.longestBusyMs < BUSY_MAX_MS, `the launcher did nothing else for ${loop.longestBusyMs} ms`);
    assert.ok(process.memoryUsage().rss - before < 64 * MIB, "the launcher keeps what it reads");
    assert.ok(shown.length < 200, `${shown.length} lines were shown`);
    for (const line of shown) assert.not.match(line, /[^\P{Cc}\t]/u);
  });
});

/** The fd of a process's monitor, as its manifest numbers it. */
function monitorFdOf(machine: RunningMachine, id: string): number {
  const fds = machine.plan.processes.find((process) => process.id === id)?.fds ?? [];
  return fds.find(({ source }) => source.from === "monitor")?.fd as number;
}

test("a device that floods its monitor is killed for it within seconds, and the launcher has time for all else", async () => {
  const machine = await start(demoVmText({ name: vmName("flood-monitor"), disks: "blank", more: "hangDeadlineMs: 60000" }));
  await during(machine, async () => {
    const loop = new EventLoopStalls();
    const begin = performance.now();
    provoker.floodMonitor(machine.pids.get("disk1") as number, monitorFdOf(machine, "disk1"));
    const ending = await machine.ended;
    const afterMs = performance.now() - begin;
    loop.stop();
    assert.equal([ending.reason, ending.process, ending.exitCode], ["device-died", "disk1", 4], ending.detail);
    assert.match(ending.detail, '"disk1" was killed: Cannot talk to the monitor of "disk1": it sends more than');
    assert.ok(afterMs > 1500 && afterMs < 30_000, `ended after ${afterMs} ms`);
    assert.ok(loop.longestBusyMs < BUSY_MAX_MS, `the launcher did nothing else for ${loop.longestBusyMs} ms`);
  });
});

test("beside a flooding monitor a hang is noticed within its deadline", async () => {
  const machine = await start(demoVmText({ name: vmName("flood-hang"), disks: "blank", more: "hangDeadlineMs: 1000" }));
  await during(machine, async () => {
    provoker.floodMonitor(machine.pids.get("disk1") as number, monitorFdOf(machine, "disk1"));
    const loop = new EventLoopStalls();
    const begin = performance.now();
    process.kill(machine.pids.get("disk0") as number, "SIGSTOP");
    const hung = () => eventsOf(fixture, vmName("flood-hang"), "hang").some((event) => event.process === "disk0");
    await waitUntil(hung, "the hang of disk0", 30_000);
    // What a busy host took from this process, which is the launcher, is not what a flood took.
    const afterMs = performance.now() - begin - loop.stop();
    assert.ok(afterMs < 1000 + LATE_MS, `told after ${afterMs} ms`);
  });
});

test("a guest that floods its serial log: the log grows, and the launcher has time for all else", async () => {
  await writeBootImage(join(fixture.directory, "disk0-blank.img"), "flood-serial");
  const path = join(fixture.directory, "serial.log");
  const text = demoVmText({ name: vmName("flood-file"), disks: "blank" }).replace("serial: stdio", "serial: {file: serial.log}");
  await during(await start(text), async () => {
    const loop = new EventLoopStalls();
    await waitUntil(() => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 16 * 1024, "output in the log", 30_000);
    loop.stop();
    assert.ok(loop.longestBusyMs < BUSY_MAX_MS, `the launcher did nothing else for ${loop.longestBusyMs} ms`);
    assert.match(readFileSync(path, "latin1"), "xxxxxxxx");
  });
});

test.run();
