import * as assert from "uvu/assert";
import { BulkheadError, launch } from "../../src/index.js";
import { readFilters, readProgram, writeProgram } from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";

const test = suite("filters read back at launch", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

const KILL_PROCESS = 0x80000000;
const LOG = 0x7ffc0000;
const RETURN = 0x06;

/** A filter of the same length that lets everything through where the planned one kills. */
function weaken(filter: Buffer): Buffer {
  const { instructions } = readProgram(filter);
  return writeProgram(
    instructions.map((one) => (one.code === RETURN && one.operand === KILL_PROCESS ? { ...one, operand: LOG } : one)),
  ).bytes;
}

test("a filter of the same length, planted in one process: the launch fails and names process, thread and programs", async () => {
  const request = await fixture.request(demoVmText({ name: vmName("checker-planted"), disks: "blank" }), {
    alterSpawn: (id, spawn) => {
      if (id !== "disk1") return spawn;
      const operations = spawn.operations.map((one) =>
        one.step === "seccomp-filter" ? { ...one, data: weaken(one.data as Buffer) } : one,
      );
      return { ...spawn, operations };
    },
  });
  try {
    const machine = await launch(request);
    machine.kill();
    await machine.ended;
  } catch (error) {
    assert.instance(error, BulkheadError);
    assert.is((error as BulkheadError).code, "verification-failed");
    const pattern =
      /disk1 \(pid \d+\), layer seccomp: planned thread \d+: program [0-9a-f]{64}, observed thread \d+: program [0-9a-f]{64}/;
    assert.match((error as BulkheadError).message, pattern);
    assert.not.match((error as BulkheadError).message, /disk0 \(pid/);
    assert.equal(fixture.leftovers(), []);
    return;
  }
  throw new Error("the launch went through");
});

test("the demo's four processes: every thread runs the planned program, and the VM goes on", async () => {
  const machine = await launch(await fixture.request(demoVmText({ name: vmName("checker-loaded"), disks: "blank" })));
  try {
    assert.is(machine.plan.processes.length, 4);
    for (const { id, seccomp } of machine.plan.processes) {
      const verified = machine.verified.processes.find((process) => process.id === id);
      assert.match(JSON.stringify(verified?.layers.seccomp.observed), seccomp.sha256);
      const threads = readFilters(verified?.pid ?? 0);
      assert.ok(threads.length >= 3, `${id} has ${threads.length} threads`);
      for (const { programs } of threads)
        assert.equal(
          programs.map(({ sha256 }) => sha256),
          [seccomp.sha256],
        );
    }
  } finally {
    machine.kill();
    await machine.ended;
  }
});

test.run();
