import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { findRun, launch, openDirectories, type RunningMachine } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { mountsOf } from "../support/proc_reading.js";
import { waitUntil } from "../support/run_command.js";
import { findSteadyFault, parseSteadyReports, READS_PER_TURN, WRITES_PER_TURN, writeSteadyDisk } from "../support/steady_io.js";

const test = suite("a launcher that holds many fds", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
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

test.run();

const DISKS = 8;
const CARDS = 8;
/**
 * An hour of the mean volume of a company's servers: 20 requests a second of 25 KB, seven in ten of them reads (434 million
 * requests of 36 volumes in a week: Narayanan et al., Write Off-Loading, FAST 2008). Divided among the disks in turns of ten.
 */
const HOUR_REQUESTS = 20 * 3600;
const TURNS = HOUR_REQUESTS / (DISKS * (READS_PER_TURN + WRITES_PER_TURN));
/** Half a minute on an idle machine. */
const HOUR_DEADLINE_MS = 150_000;

const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);
const imageName = (number: number) => `many${number}.img`;
const imagePath = (number: number) => join(fixture.directory, imageName(number));

async function sixteenDevices(name: string): Promise<string> {
  for (const number of numbers(DISKS)) await writeSteadyDisk(imagePath(number), { number, disks: DISKS, turns: TURNS });
  const lines = [
    ...numbers(DISKS).map(
      (number) => `  - {id: disk${number}, role: disk, model: lsi53c895a, disk: {file: ${imageName(number)}}}`,
    ),
    ...numbers(CARDS).map((number) => `  - {id: net${number}, role: net, model: rtl8139, net: {disconnected: true}}`),
  ];
  const text = demoVmText({ name, disks: "demo", more: "onDeviceExit: pause" });
  return `${text.slice(0, text.indexOf("devices:"))}devices:\n${lines.join("\n")}\n`;
}

const busy = suite("an hour of sixteen device processes", {
  needs: ["root", "qemu-tcg", "user-namespaces"],
  timeoutMs: HOUR_DEADLINE_MS + 60_000,
});
busy.before(async () => {
  fixture = await makeFixture();
});
busy.after(() => fixture.remove());

/** The VM's console: what it said so far, and its keyboard. */
interface Console {
  readonly input: PassThrough;
  readonly said: () => string;
}

async function launchSixteen(name: string): Promise<{ readonly machine: RunningMachine; readonly console: Console }> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let said = "";
  output.setEncoding("latin1").on("data", (text: string) => {
    said += text;
  });
  const stdio = { kind: "stream", output, input, escape: false } as const;
  const machine = await launch(await fixture.request(await sixteenDevices(name), { stdio }));
  return { machine, console: { input, said: () => said } };
}

/** The guest counts what it did and has compared all that it read; what it wrote is looked for here. */
async function expectHour({ input, said }: Console): Promise<void> {
  await waitUntil(() => said().includes("w"), "the guest's start", 60_000);
  input.write("r");
  await waitUntil(() => /steady-io: .*\r/.test(said()), "the end of the guest's hour", HOUR_DEADLINE_MS);
  const turns = TURNS * DISKS;
  const expected = { reads: turns * READS_PER_TURN, writes: turns * WRITES_PER_TURN, frames: TURNS * CARDS };
  assert.equal(parseSteadyReports(said()), [expected], said());
  for (const number of numbers(DISKS)) {
    assert.is(await findSteadyFault(imagePath(number), { number, turns: TURNS }), null);
  }
}

/** The guest begins its hour again; once its writes have come to the last disk, all devices are killed, one after the other. */
async function loseAll(machine: RunningMachine, { input }: Console): Promise<void> {
  input.write("r");
  const last = { number: DISKS - 1, turns: TURNS };
  await waitUntil(async () => (await findSteadyFault(imagePath(last.number), last)) !== null, "writes to the last disk");
  for (const [id, pid] of machine.pids) {
    if (id === "vmm") continue;
    process.kill(pid, "SIGKILL");
    await waitUntil(() => !isAlive(pid), `the end of ${id}`);
  }
  const directories = openDirectories(fixture.environment);
  await waitUntil(() => findRun(directories, machine.plan.vm)?.state === "paused", "the pause");
  assert.ok(isAlive(machine.pids.get("vmm") ?? 0), "the VMM waits, paused");
}

busy("an hour's requests in a minute, devices lost one by one from a busy guest, and nothing is left", async () => {
  const [mounts, children] = [ownMounts(), ownChildren()];
  const { machine, console } = await launchSixteen(vmName("test-sixteen"));
  try {
    assert.is(machine.pids.size, DISKS + CARDS + 1);
    await expectHour(console);
    await loseAll(machine, console);
  } finally {
    machine.kill();
  }
  assert.is((await machine.ended).reason, "device-died");
  assert.equal(fixture.leftovers(), []);
  assert.equal([...machine.pids.values()].filter(isAlive), []);
  assert.equal(ownMounts(), mounts);
  // The keeper ends when its channel does.
  await waitUntil(() => ownChildren() === children, "the end of every child");
});

const ownMounts = () => [...mountsOf(process.pid).keys()];

function ownChildren(): string {
  return readdirSync("/proc/self/task")
    .map((tid) => readFileSync(`/proc/self/task/${tid}/children`, "utf8"))
    .join("");
}

/** A reaped process has no entry; one that waits to be reaped counts as dead. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

busy.run();
