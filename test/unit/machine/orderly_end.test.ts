import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import type { RunningMachine } from "../../../src/machine/running_machine.js";
import { OwnedRun } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "../state/temporary_directories.js";
import { CLEAN, KILLED, PlayedProcess, playMachine } from "./played_machine.js";

const test = suite("a process that dies while its VM ends in order", { timeoutMs: 10_000 });

let directories: ReturnType<typeof makeDirectories>;
let vmm: PlayedProcess;
let disk0: PlayedProcess;

test.beforeEach(() => {
  directories = makeDirectories();
});
test.afterEach(() => directories.remove());

function machine(onDeviceExit: "stop" | "pause" = "stop"): RunningMachine {
  vmm = new PlayedProcess("vmm");
  disk0 = new PlayedProcess("disk0");
  const run = OwnedRun.claim(directories, { vm: "web1", shutdownGraceMs: 20 });
  return playMachine({ vmm, disk0, run, directories }, onDeviceExit);
}

function tellOfShutdown(): void {
  for (const listener of vmm.listeners) listener({ event: "SHUTDOWN", data: { guest: true } });
}

const deaths = (): number => readFileSync(`${directories.log}/events.jsonl`, "utf8").match(/"event":"death"/g)?.length ?? 0;

for (const [what, status] of [
  ["a signal", { exitCode: null, signal: 11 }],
  ["an exit code of its own", { exitCode: 1, signal: null }],
] as const) {
  test(`a device that ends by ${what} instead of following the guest's shutdown died, before the VMM ends or after it`, async () => {
    for (const order of [
      [() => vmm.end(CLEAN), () => disk0.end(status)],
      [() => disk0.end(status), () => vmm.end(CLEAN)],
    ]) {
      const started = machine();
      tellOfShutdown();
      for (const end of order) {
        end();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const ending = await started.ended;
      assert.equal([ending.reason, ending.process, ending.exitCode], ["device-died", "disk0", 4]);
    }
    assert.is(deaths(), 2);
  });
}

test("a device that dies while the VM is stopped: the stop goes on, and the death is what ended it", async () => {
  const started = machine("pause");
  const stopped = started.stop();
  disk0.end(KILLED);
  while (!vmm.commands.includes("quit")) await new Promise((resolve) => setTimeout(resolve, 5));
  vmm.end(CLEAN);
  await stopped;
  const ending = await started.ended;
  assert.equal([ending.reason, ending.process, ending.exitCode], ["device-died", "disk0", 4]);
  assert.not.ok(vmm.commands.includes("stop"));
});

test("a VMM that dies while the VM is stopped was not stopped; one that has to be killed was", async () => {
  const started = machine();
  void started.stop();
  vmm.end({ exitCode: null, signal: 11 });
  assert.is((await started.ended).reason, "vmm-died");
  const stubborn = machine();
  void stubborn.stop();
  await stubborn.stop();
  assert.equal([(await stubborn.ended).reason, (await stubborn.ended).exitCode], ["stopped", 0]);
});

test("a device that dies although a VMM tells of a shutdown and goes on: the VM ends by it", async () => {
  const started = machine();
  tellOfShutdown();
  disk0.end(KILLED);
  assert.is((await started.ended).reason, "device-died");
});

test("a launcher confines itself while its VM runs, and not when the guest has ended it", async () => {
  const started = machine();
  const confined: string[] = [];
  started.confineLauncher(() => confined.push("while it runs"));
  tellOfShutdown();
  vmm.end(CLEAN);
  disk0.end(CLEAN);
  await started.ended;
  started.confineLauncher(() => confined.push("when it is over"));
  assert.equal(confined, ["while it runs"]);
});

test.run();
