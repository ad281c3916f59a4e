// Runs inside the lab with the core-scheduling kernel, by test/lab_guests/layers.test.ts.
import { readFileSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { BulkheadError, type LaunchRequest, launch } from "../../src/index.js";
import { addon } from "../../src/kernel/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { requestOn, vmText } from "./lab_vm.js";

const test = suite("limits and cookies that are broken on purpose end the launch", {
  needs: ["root", "kvm", "cgroup-v2-controllers", "selinux-enforcing"],
  timeoutMs: 180_000,
});

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

type Alter = NonNullable<LaunchRequest["alterSpawn"]>;

async function failureOf(name: string, alterSpawn: Alter): Promise<BulkheadError> {
  try {
    const machine = await launch(await requestOn("10", { fixture, text: vmText(name), change: { alterSpawn } }));
    machine.kill();
    await machine.ended;
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    assert.equal(fixture.leftovers(), []);
    assert.is(error.code, "verification-failed", error.message);
    return error;
  }
  throw new Error("the launch went through");
}

/** Lifts a limit when disk1 is about to start: its leaf has been written by then. */
function lift(file: string, content: string): Alter {
  return (id, request) => {
    if (id === "disk1") writeFileSync(`/sys/fs/cgroup/bulkhead/${file}`, content);
    return request;
  };
}

test("nothing broken: the same VM launches", async () => {
  const machine = await launch(await requestOn("10", { fixture, text: vmText("test-whole") }));
  machine.kill();
  await machine.ended;
  assert.equal(fixture.leftovers(), []);
});

for (const file of ["memory.max", "memory.swap.max", "pids.max", "cpu.max"]) {
  test(`cgroup: ${file} of a leaf is lifted`, async () => {
    const name = `test-${file.replaceAll(".", "-")}`;
    const { message } = await failureOf(name, lift(`${name}/disk1/${file}`, "max"));
    assert.match(message, new RegExp(`disk1 \\(pid \\d+\\), layer cgroup: .*${file}: planned .+, observed max`));
  });
}

test("cgroup: io.max of a leaf is lifted", async () => {
  const name = "test-io-max";
  const { message } = await failureOf(name, (id, request) => {
    if (id === "disk1") liftIoLimits(`/sys/fs/cgroup/bulkhead/${name}/disk1/io.max`);
    return request;
  });
  assert.match(message, /disk1 \(pid \d+\), layer cgroup: .*io\.max: planned \d+:\d+ rbps=/);
});

/** io.max takes the name of a device with each limit; those not named stay. */
function liftIoLimits(file: string): void {
  const [device] = readFileSync(file, "utf8").split(" ");
  writeFileSync(file, `${device} rbps=max wiops=max`);
}

for (const file of ["memory.max", "memory.swap.max", "pids.max"]) {
  test(`cgroup: ${file} of the VM's group is lifted`, async () => {
    const name = `test-vm-${file.replaceAll(".", "-")}`;
    const { message } = await failureOf(name, lift(`${name}/${file}`, "max"));
    assert.match(message, new RegExp(`layer cgroup: planned the VM's limits, observed ${file}: planned \\d+, observed max`));
  });
}

for (const [what, coreCreate] of [
  ["none", false],
  ["one of its own", true],
] as const) {
  test(`core scheduling: a process has ${what} instead of its VM's cookie`, async () => {
    const name = `test-cookie-${what.length}`;
    const { message } = await failureOf(name, (id, request) =>
      id === "disk1" ? { ...request, session: new addon.Session({ coreCreate, coreSharePid: 0 }) } : request,
    );
    assert.match(message, /disk1 \(pid \d+\), layer core-scheduling: planned/);
  });
}

test.run();
