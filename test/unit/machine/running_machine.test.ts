import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import type { ExitStatus } from "../../../src/kernel/index.js";
import type { MachineProcess } from "../../../src/machine/machine_process.js";
import type { RunningMachine } from "../../../src/machine/running_machine.js";
import { findRun, OwnedRun } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "../state/temporary_directories.js";
import { CLEAN, KILLED, PlayedProcess, playMachine } from "./played_machine.js";

const test = suite("how a running machine's end is judged", { timeoutMs: 10_000 });

const SIGSYS: ExitStatus = { exitCode: null, signal: 31 };

let directories: ReturnType<typeof makeDirectories>;
let vmm: PlayedProcess;
let disk0: PlayedProcess;
let run: OwnedRun;

test.beforeEach(() => {
  directories = makeDirectories();
  vmm = new PlayedProcess("vmm");
  disk0 = new PlayedProcess("disk0");
  run = OwnedRun.claim(directories, { vm: "web1", shutdownGraceMs: 20 });
});
test.afterEach(() => directories.remove());

const machine = (onDeviceExit: "stop" | "pause" = "stop", change: object = {}): RunningMachine =>
  playMachine({ vmm, disk0, run, directories }, onDeviceExit, change);

const events = () => readFileSync(`${directories.log}/events.jsonl`, "utf8");

for (const [id, played] of [
  ["vmm", () => vmm],
  ["disk0", () => disk0],
] as const) {
  test(`SIGSYS of ${id} while the VM is stopped is an intrusion, logged, exit code 5`, async () => {
    const started = machine();
    void started.stop();
    played().end(SIGSYS);
    const ending = await started.ended;
    assert.equal([ending.reason, ending.process, ending.exitCode], ["intrusion", id, 5]);
    assert.match(
      events(),
      new RegExp(`"event":"intrusion","vm":"web1","process":"${id}","detail":"[^"]*\\\\"${id}\\\\" died of SIGSYS`),
    );
    assert.is(findRun(directories, "web1"), null);
  });
}

test("SIGSYS of a device beside a VMM that ends on the guest's shutdown is an intrusion", async () => {
  const started = machine();
  for (const listener of vmm.listeners) listener({ event: "SHUTDOWN", data: { guest: true } });
  vmm.end(CLEAN);
  await new Promise((resolve) => setTimeout(resolve, 20));
  disk0.end(SIGSYS);
  assert.is((await started.ended).reason, "intrusion");
});

test("SIGSYS in a VM that is paused by an earlier death is an intrusion", async () => {
  const started = machine("pause");
  disk0.end(KILLED);
  while (findRun(directories, "web1")?.state !== "paused") await new Promise((resolve) => setTimeout(resolve, 20));
  vmm.end(SIGSYS);
  const ending = await started.ended;
  assert.equal([ending.reason, ending.process], ["intrusion", "vmm"]);
});

test("a VMM that dies of its own is logged", async () => {
  const started = machine();
  vmm.end({ exitCode: null, signal: 11 });
  assert.is((await started.ended).reason, "vmm-died");
  assert.match(events(), /"event":"death","vm":"web1","process":"vmm","detail":"[^}]*SIGSEGV/);
});

test("a death that cannot be judged ends the VM as a bug of ours, and nothing of it is left", async () => {
  const log = {
    lastWords: () => {
      throw new Error("no words");
    },
  };
  const processes = new Map([
    ["disk0", { ...disk0.machineProcess, log } as unknown as MachineProcess],
    ["vmm", vmm.machineProcess],
  ]);
  const started = machine("stop", { processes });
  disk0.end(KILLED);
  const { reason, exitCode, detail } = await started.ended;
  assert.equal([reason, exitCode], ["supervisor-failed", 70]);
  assert.match(detail, "no words");
  assert.is(findRun(directories, "web1"), null);
});

test("a cleanup that fails is logged and told beside the ending, and leaves the VM for another to end", async () => {
  const onCleanupStep = (step: string): void => {
    if (step === "remove-cgroup") throw new Error("the group stays");
  };
  for (const [end, reason, exitCode] of [
    [CLEAN, "guest-shutdown", 3],
    [{ exitCode: null, signal: 11 }, "vmm-died", 4],
  ] as const) {
    vmm = new PlayedProcess("vmm");
    disk0 = new PlayedProcess("disk0");
    const started = machine("stop", { onCleanupStep });
    if (reason === "guest-shutdown") for (const listener of vmm.listeners) listener({ event: "SHUTDOWN", data: { guest: true } });
    vmm.end(end);
    const ending = await started.ended;
    assert.equal([ending.reason, ending.exitCode], [reason, exitCode]);
    assert.match(ending.detail, /; cleaning up after it failed: the group stays$/);
    assert.match(events(), /"event":"cleanup-failed","vm":"web1","message":"the group stays"/);
    assert.is(findRun(directories, "web1")?.state, "dead");
    run = OwnedRun.claim(directories, { vm: "web1", shutdownGraceMs: 20 });
  }
});

for (const [id, reason] of [
  ["disk0", "device-died"],
  ["vmm", "vmm-died"],
] as const) {
  test(`a monitor of ${id} that is not QEMU's any more: the process is killed, and that is what ended the VM`, async () => {
    const started = machine();
    (id === "vmm" ? vmm : disk0).garble(new Error("it floods"));
    const ending = await started.ended;
    assert.equal([ending.reason, ending.process, ending.exitCode], [reason, id, 4]);
    assert.is(ending.detail, `process "${id}" was killed: it floods`);
    assert.is(events().match(/"event":"death"/g)?.length, 1);
  });
}

test("a guest's shutdown ends in order and logs no death", async () => {
  const started = machine();
  for (const listener of vmm.listeners) listener({ event: "SHUTDOWN", data: { guest: true } });
  vmm.end(CLEAN);
  disk0.end(CLEAN);
  assert.is((await started.ended).reason, "guest-shutdown");
  assert.not.match(events(), /"event":"(death|intrusion)"/);
});

test("a guest's shutdown of a VM that another launcher started: how its VMM ended is not known, and nothing speaks against it", async () => {
  const started = machine();
  for (const listener of vmm.listeners) listener({ event: "SHUTDOWN", data: { guest: true } });
  vmm.end({ exitCode: null, signal: null });
  const { reason, exitCode } = await started.ended;
  assert.equal({ reason, exitCode }, { reason: "guest-shutdown", exitCode: 0 });
});

test("a watchdog that stops the VM: QEMU quits, and the watchdog is what ended it", async () => {
  disk0 = new PlayedProcess("disk0", "stop");
  const running = machine();
  disk0.listeners.forEach((listener) => {
    listener({ event: "WATCHDOG", data: { action: "none" } });
  });
  while (!vmm.commands.includes("quit")) await new Promise((resolve) => setImmediate(resolve));
  disk0.end(CLEAN);
  vmm.end(CLEAN);
  const { reason, process, exitCode } = await running.ended;
  assert.equal({ reason, process, exitCode }, { reason: "watchdog", process: "disk0", exitCode: 4 });
});

test("a watchdog that pauses the VM: it stands as paused, and is not ended", async () => {
  disk0 = new PlayedProcess("disk0", "pause");
  const running = machine();
  disk0.listeners.forEach((listener) => {
    listener({ event: "WATCHDOG", data: { action: "none" } });
  });
  while (findRun(directories, "web1")?.record.state !== "paused") await new Promise((resolve) => setImmediate(resolve));
  // The hang watch asks for the status too.
  assert.equal(
    vmm.commands.filter((command) => command !== "query-status"),
    ["stop"],
  );
  running.kill();
  await running.ended;
});

test.run();
