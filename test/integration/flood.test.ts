import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type LaunchRequest, launch, type RunningMachine } from "../../src/index.js";
import { writeBootImage } from "../support/boot_sectors.js";
import { EventLoopStalls } from "../support/event_loop_stalls.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";
import { waitUntil } from "../support/run_command.js";

const test = suite("a flood of output", { needs: ["root", "qemu", "user-namespaces"], timeoutMs: 60_000 });

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

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
    await waitUntil(() => triedBytes(pid) > GIB, "1 GiB written", 20_000);
    loop.stop();
    assert.ok(loop.longestMs < 500, `the launcher did nothing else for ${loop.longestMs} ms`);
    assert.ok(process.memoryUsage().rss - before < 64 * MIB, "the launcher keeps what it reads");
    assert.ok(shown.length < 200, `${shown.length} lines were shown`);
    for (const line of shown) assert.not.match(line, /[^\P{Cc}\t]/u);
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
    assert.ok(loop.longestMs < 500, `the launcher did nothing else for ${loop.longestMs} ms`);
    assert.match(readFileSync(path, "latin1"), "xxxxxxxx");
  });
});

test.run();
