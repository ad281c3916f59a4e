import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { launch, type RunningMachine } from "../../src/index.js";
import { writeBootImage } from "../support/boot_sectors.js";
import { endStarvation, starve } from "../support/cpu_starvation.js";
import { EventLoopStalls } from "../support/event_loop_stalls.js";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";
import { waitUntil } from "../support/run_command.js";

const test = suite("a process that hangs", { needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"], timeoutMs: 60_000 });

const DEADLINE_MS = 1500;
/** Between the last answer and the stop, which takes effect when the process leaves the kernel. */
const LATE_MS = 100;
/** What the guest has surely read of disk0 when it reads for ever, and not when the firmware looked for a boot sector. */
const READ_BYTES = 256 * 1024;

let fixture: MachineFixture;
let provoker: Provoker;
test.before(async () => {
  fixture = await makeFixture();
  provoker = new Provoker();
  await writeBootImage(join(fixture.directory, "disk0-blank.img"), "read-for-ever");
});
test.after(() => {
  provoker.remove();
  return fixture.remove();
});
test.afterEach(() => assert.equal(fixture.leftovers(), []));

/** A VM whose guest reads disk0 for ever; disk1 and net0 are idle. */
async function start(name: string, more = ""): Promise<RunningMachine> {
  const text = demoVmText({ name, disks: "blank", more: `hangDeadlineMs: ${DEADLINE_MS}\n${more}` });
  const machine = await launch(await fixture.request(text));
  const before = readBytes(machine);
  await waitUntil(() => readBytes(machine) - before > READ_BYTES, "guest I/O", 30_000);
  return machine;
}

/** What the process of disk0 has read of files, its image among them: rchar of proc_pid_io(5). */
function readBytes(machine: RunningMachine): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pidOf(machine, "disk0")}/io`, "utf8"))?.[1]);
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function pidOf(machine: RunningMachine, id: string): number {
  const pid = machine.pids.get(id);
  if (pid === undefined) throw new Error(`no process ${id}`);
  return pid;
}

const HANGS: Readonly<Record<string, (pid: number) => void>> = {
  stopped: (pid) => process.kill(pid, "SIGSTOP"),
  spinning: (pid) => provoker.spin(pid),
};

for (const [id, how, reason, exitCode] of [
  ["disk0", "stopped", "device-hung", 4],
  ["disk1", "stopped", "device-hung", 4],
  ["disk0", "spinning", "device-hung", 4],
  ["vmm", "stopped", "vmm-hung", 4],
] as const) {
  const load = id === "disk0" ? "under guest I/O" : id === "disk1" ? "idle" : "under guest I/O";
  test(`${id}, ${load}, ${how}: it is found within its deadline, killed and named`, async () => {
    const machine = await start(vmName(`hang-${id}-${how}`));
    const stalls = new EventLoopStalls();
    const beginMs = Date.now();
    HANGS[how]?.(pidOf(machine, id));
    const ending = await machine.ended;
    const stalledMs = stalls.stop();
    assert.equal([ending.reason, ending.process, ending.exitCode], [reason, id, exitCode], ending.detail);
    const hangs = eventsOf(fixture, machine.plan.vm, "hang");
    assert.equal(
      hangs.map((event) => event.process),
      [id],
    );
    // A spinning one is measured by the CPU time that it gets; and while the launcher does not come round it knows nothing.
    const afterMs = Date.parse(hangs[0]?.time ?? "") - beginMs;
    const latestMs = DEADLINE_MS + LATE_MS + stalledMs;
    if (how === "stopped") assert.ok(afterMs <= latestMs, `told after ${afterMs} ms, ${latestMs} ms at most`);
  });
}

test("onDeviceExit: pause: the stopped device is killed, then the VMM, which it had blocked, is paused", async () => {
  const machine = await start(vmName("hang-pause"), "onDeviceExit: pause");
  process.kill(pidOf(machine, "disk0"), "SIGSTOP");
  await waitUntil(() => eventsOf(fixture, vmName("hang-pause"), "pause").length > 0, "the pause", 30_000);
  assert.equal(
    eventsOf(fixture, vmName("hang-pause"), "pause").map((event) => event.process),
    ["disk0"],
  );
  assert.ok(machine.pids.get("vmm"));
  await machine.stop();
  assert.is((await machine.ended).reason, "device-hung");
});

test("processes that get a thousandth of a CPU are slow, and not hung", async () => {
  const machine = await start(vmName("hang-starved"));
  const feed = starve(vmName("hang-starved"), machine.pids.values());
  try {
    const outcome = await Promise.race([machine.ended, wait(5 * DEADLINE_MS)]);
    assert.is(outcome, undefined, `ended: ${JSON.stringify(outcome)}`);
  } finally {
    feed();
    machine.kill();
    await machine.ended;
    endStarvation(vmName("hang-starved"));
  }
  assert.equal(eventsOf(fixture, vmName("hang-starved"), "hang"), []);
});

test.run();
