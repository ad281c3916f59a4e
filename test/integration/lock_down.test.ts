import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { launch, type RunningMachine } from "../../src/index.js";
import { readFilters, SYSCALL_NUMBERS } from "../../src/seccomp/index.js";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { findListed, isRunning, orphan, writeIdleVm } from "../support/idle_vm.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("start calls after lock-down", { needs: ["root", "qemu", "user-namespaces"], timeoutMs: 60_000 });

/** A start call of every role that takes no argument which a filter checks. */
const START_CALL = SYSCALL_NUMBERS.get("sysinfo") as number;
const EXEC = SYSCALL_NUMBERS.get("execve") as number;
/** Negated, as the kernel answers: include/uapi/asm-generic/errno.h. */
const EPERM = -1;
const ENOSYS = -38;

/** Many times what a process that is refused while it starts takes to end. */
const SETTLED_MS = 1000;
const KILLED_PROGRAM = join(import.meta.dirname, "killed_launcher_program.js");

let fixture: MachineFixture;
let provoker: Provoker;
test.before(async () => {
  fixture = await makeFixture({ refusals: "expected" });
  provoker = new Provoker();
});
test.after(() => {
  provoker.remove();
  return fixture.remove();
});
test.afterEach(() => assert.equal(fixture.leftovers(), []));

async function start(name: string): Promise<RunningMachine> {
  return launch(await fixture.request(demoVmText({ name, disks: "blank" })));
}

async function end(machine: RunningMachine): Promise<void> {
  machine.kill();
  await machine.ended;
}

test("a device process: refused, told with its arguments and its place in the code, and the process is ended for it", async () => {
  const machine = await start(vmName("lock-device"));
  const pid = machine.pids.get("disk1") as number;
  provoker.call(pid, EXEC);
  const ending = await machine.ended;
  assert.equal([ending.reason, ending.process, ending.exitCode], ["intrusion", "disk1", 5], ending.detail);
  assert.match(
    ending.detail,
    /"disk1" died of a call that it may not make any more.*execve\(0x0, 0x0, 0x0, .*\) at \/.*\+0x[0-9a-f]+/,
  );
  const events = eventsOf(fixture, vmName("lock-device"), "intrusion");
  assert.is(events.length, 1);
  const [event] = events;
  assert.equal([event?.process, event?.syscall, event?.tid], ["disk1", "execve", pid]);
  assert.equal(event?.arguments?.slice(0, 3), ["0x0", "0x0", "0x0"]);
  assert.match(String(event?.instructionPointer), /^0x7[0-9a-f]+$/);
  assert.match(String(event?.mapping), /^\/\S+\/libc\.so\.6\+0x[0-9a-f]+$/);
});

test("the VMM: refused and told, and it lives on", async () => {
  const machine = await start(vmName("lock-vmm"));
  assert.is(provoker.ask(machine.pids.get("vmm") as number, START_CALL), EPERM);
  await waitUntil(() => eventsOf(fixture, vmName("lock-vmm"), "refusal").length === 1, "the event");
  const [event] = eventsOf(fixture, vmName("lock-vmm"), "refusal");
  assert.equal([event?.process, event?.syscall], ["vmm", "sysinfo"]);
  assert.match(String(event?.mapping), "libc.so.6+0x");
  await machine.stop();
  assert.is((await machine.ended).reason, "stopped");
});

test("a flood of refused calls is told a few times a second, and counted", async () => {
  const machine = await start(vmName("lock-flood"));
  const pid = machine.pids.get("vmm") as number;
  for (let calls = 0; calls < 12; calls += 1) assert.is(provoker.ask(pid, START_CALL), EPERM);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  provoker.ask(pid, START_CALL);
  const told = () => eventsOf(fixture, vmName("lock-flood"), "refusal");
  const counted = () => told().reduce((sum, event) => sum + 1 + Number(event.unreported ?? 0), 0);
  await waitUntil(() => counted() === 13, "all to be counted");
  assert.ok(told().length < 13, `${told().length} events`);
  await end(machine);
});

test("each role holds fewer calls after lock-down than before, and nothing that makes code, files or sockets", async () => {
  const machine = await start(vmName("lock-sets"));
  try {
    for (const { id, seccomp } of machine.plan.processes) {
      assert.ok(seccomp.start.length >= 20 && seccomp.run.length <= 55, `${id}: ${seccomp.start.length}, ${seccomp.run.length}`);
      for (const name of ["execve", "openat"]) assert.ok(seccomp.start.includes(name), name);
      for (const name of ["execve", "open", "openat", "openat2", "socket", "fork", "vfork"])
        assert.not(seccomp.run.includes(name), `${id} ${name}`);
      const pid = machine.pids.get(id) as number;
      assert.ok(readFilters(pid).every(({ programs }) => programs.length === 1));
      assert.not.match(readFileSync(`/proc/${pid}/status`, "utf8"), /Seccomp_filters:\t0/);
    }
  } finally {
    await end(machine);
  }
});

test("the launcher killed: start calls stay refused, by the keeper; the next supervisor is told of them", async () => {
  await writeIdleVm(fixture, vmName("lock-orphan"));
  const started = await runBulkhead(["run", "--detach", `${vmName("lock-orphan")}.yaml`], fixture);
  assert.is(started.exitCode, 0, started.stderr);
  await orphan(fixture, vmName("lock-orphan"));
  const pidOf = async (id: string): Promise<number> =>
    (await findListed(fixture, vmName("lock-orphan")))?.processes.find((process) => process.id === id)?.pid ?? 0;
  const [vmm, disk] = [await pidOf("vmm"), await pidOf("disk0")];
  for (const pid of [vmm, disk]) {
    assert.is(provoker.ask(pid, START_CALL), EPERM);
    assert.is(provoker.ask(pid, EXEC), EPERM);
  }
  assert.equal(eventsOf(fixture, vmName("lock-orphan"), "refusal"), []);
  assert.is((await runBulkhead(["attach", "--no-follow", vmName("lock-orphan")], fixture)).exitCode, 0);
  assert.is(provoker.ask(vmm, START_CALL), EPERM);
  await waitUntil(() => eventsOf(fixture, vmName("lock-orphan"), "refusal").length === 1, "the event");
  provoker.call(disk, EXEC);
  await waitUntil(() => eventsOf(fixture, vmName("lock-orphan"), "intrusion").length === 1, "the intrusion");
  await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
});

/** Kills a launcher when a step begins; the processes that it had started. */
async function killLauncherAt(step: string): Promise<number[]> {
  await writeIdleVm(fixture, vmName("lock-early"));
  const child = spawn(process.execPath, [KILLED_PROGRAM, "launch", step, "0", `${vmName("lock-early")}.yaml`], {
    cwd: fixture.directory,
    env: fixture.environment,
    stdio: ["ignore", "ignore", "inherit"],
  });
  assert.is((await once(child, "close"))[1], "SIGKILL");
  const record = JSON.parse(readFileSync(join(fixture.directory, `run/vms/${vmName("lock-early")}/record.json`), "utf8")) as {
    processes: { pid: number }[];
  };
  return record.processes.map(({ pid }) => pid);
}

for (const step of ["lock", "attach", "verify"]) {
  test(`the launcher killed at ${step}: a process that still starts ends, and the kernel refuses whoever lives`, async () => {
    const pids = await killLauncherAt(step);
    assert.is(pids.length, 4);
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    for (const pid of pids.filter(isRunning)) assert.is(provoker.ask(pid, START_CALL), ENOSYS);
    assert.is((await runBulkhead(["gc"], fixture)).exitCode, 0);
  });
}

test("a device added to a running VM: its gate is handed over, to a supervisor that may open nothing of it", async () => {
  await writeIdleVm(fixture, vmName("lock-added"), (text) => text.replace("accel: tcg", "accel: tcg, hotPlugSlots: 1"));
  writeFileSync(join(fixture.directory, "host.yaml"), "hotPlug: true\n", { mode: 0o644 });
  writeFileSync(join(fixture.directory, "net7.yaml"), "{id: net7, role: net, model: e1000, net: {disconnected: true}}\n");
  const started = await runBulkhead(["run", "--detach", "--host-file", "host.yaml", `${vmName("lock-added")}.yaml`], fixture);
  assert.is(started.exitCode, 0, started.stderr);
  const added = await runBulkhead(["device", "add", vmName("lock-added"), "net7.yaml"], fixture);
  assert.is(added.exitCode, 0, added.stderr);
  const pid = (await findListed(fixture, vmName("lock-added")))?.processes.find(({ id }) => id === "net7")?.pid ?? 0;
  provoker.call(pid, EXEC);
  await waitUntil(() => eventsOf(fixture, vmName("lock-added"), "intrusion").length === 1, "the intrusion");
  const [event] = eventsOf(fixture, vmName("lock-added"), "intrusion");
  assert.equal([event?.process, event?.syscall], ["net7", "execve"]);
  assert.match(String(event?.mapping), "libc.so.6+0x");
  await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
  assert.equal(eventsOf(fixture, vmName("lock-added"), "refusal"), []);
});

test("launcher and keeper killed: the kernel answers, and nothing is let through", async () => {
  await writeIdleVm(fixture, vmName("lock-alone"));
  assert.is((await runBulkhead(["run", "--detach", `${vmName("lock-alone")}.yaml`], fixture)).exitCode, 0);
  const disk = (await findListed(fixture, vmName("lock-alone")))?.processes.find(({ id }) => id === "disk0")?.pid ?? 0;
  const record = JSON.parse(readFileSync(join(fixture.directory, `run/vms/${vmName("lock-alone")}/record.json`), "utf8")) as {
    keeper: { pid: number };
  };
  process.kill(record.keeper.pid, "SIGKILL");
  await orphan(fixture, vmName("lock-alone"));
  assert.is(provoker.ask(disk, START_CALL), ENOSYS);
  assert.is((await runBulkhead(["gc"], fixture)).exitCode, 0);
});

test.run();
