import { join } from "node:path";
import * as assert from "uvu/assert";
import { launch, type RunningMachine } from "../../src/index.js";
import { writeBootImage } from "../support/boot_sectors.js";
import { endStarvation, starve } from "../support/cpu_starvation.js";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";

const test = suite("a process that hangs", { needs: ["root", "qemu", "user-namespaces"], timeoutMs: 60_000 });

const DEADLINE_MS = 1500;
/** How much later than its deadline a hang may be told: a timer of a launcher on a machine under load. */
const LATE_MS = 500;

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
  // The firmware takes about a second to reach the boot sector.
  await wait(2000);
  return machine;
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
  test(`${id}, ${load}, ${how}: it is killed within its deadline and named`, async () => {
    const machine = await start(`hang-${id}-${how}`);
    const begin = performance.now();
    HANGS[how]?.(pidOf(machine, id));
    const ending = await machine.ended;
    const afterMs = performance.now() - begin;
    assert.equal([ending.reason, ending.process, ending.exitCode], [reason, id, exitCode], ending.detail);
    // A spinning one is measured by the CPU time that it gets.
    if (how === "stopped") assert.ok(afterMs <= DEADLINE_MS + LATE_MS, `ended after ${afterMs} ms`);
    assert.equal(
      eventsOf(fixture, machine.plan.vm, "hang").map((event) => event.process),
      [id],
    );
  });
}

test("onDeviceExit: pause: the stopped device is killed, then the VMM, which it had blocked, is paused", async () => {
  const machine = await start("hang-pause", "onDeviceExit: pause");
  process.kill(pidOf(machine, "disk0"), "SIGSTOP");
  const deadline = Date.now() + DEADLINE_MS + 5000;
  while (eventsOf(fixture, "hang-pause", "pause").length === 0 && Date.now() < deadline) await wait(50);
  assert.equal(
    eventsOf(fixture, "hang-pause", "pause").map((event) => event.process),
    ["disk0"],
  );
  assert.ok(machine.pids.get("vmm"));
  await machine.stop();
  assert.is((await machine.ended).reason, "device-hung");
});

test("processes that get a thousandth of a CPU are slow, and not hung", async () => {
  const machine = await start("hang-starved");
  const feed = starve("hang-starved", machine.pids.values());
  try {
    const outcome = await Promise.race([machine.ended, wait(5 * DEADLINE_MS)]);
    assert.is(outcome, undefined, `ended: ${JSON.stringify(outcome)}`);
  } finally {
    feed();
    machine.kill();
    await machine.ended;
    endStarvation("hang-starved");
  }
  assert.equal(eventsOf(fixture, "hang-starved", "hang"), []);
});

test.run();
