import { closeSync } from "node:fs";
import * as assert from "uvu/assert";
import type { BulkheadError } from "../../src/index.js";
import { type Alter, alterOnly, assertVerified, deceive, failureOfBroken } from "../support/broken_launch.js";
import { startGated } from "../support/gated_process.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { compileVictim } from "../support/victim/compile_victim.js";

const test = suite("a lock-down that is broken on purpose ends the launch", {
  needs: ["root", "qemu", "user-namespaces"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

const FILTER_STEPS: readonly string[] = ["seccomp-filter", "listener-taken", "close-listener"];

const failureOf = (name: string, alterSpawn: Alter): Promise<BulkheadError> => failureOfBroken(fixture, name, alterSpawn);

test("lock-down: start calls are still let through when the VM is verified", async () => {
  const unlocked = alterOnly("disk1", (request) => {
    deceive(request, { lock: () => {} });
    return request;
  });
  const error = await failureOf(vmName("test-unlocked-calls"), unlocked);
  assertVerified(error, "seccomp");
  assert.match(error.message, "planned locked down, observed its start calls are let through");
});

test("lock-down: a process holds a listener, with which calls can be let through", async () => {
  const program = compileVictim("gated", ["-pthread"]);
  const other = await startGated(program);
  const listener = other.gate.copyListener();
  try {
    const more = alterOnly("disk1", (request) => ({
      ...request,
      operations: request.operations.flatMap((one) =>
        one.step === "close-other-fds"
          ? [{ step: "place-fd", fd: listener, number: 9n } as const, { ...one, number: 9n }]
          : [one],
      ),
    }));
    const error = await failureOf(vmName("test-listener"), more);
    assertVerified(error, "fds");
    assert.match(error.message, /9 -> \S*seccomp notify/);
  } finally {
    closeSync(listener);
    await other.end();
    program.remove();
  }
});

test("lock-down: a process without a filter has nothing to be locked by", async () => {
  const without = alterOnly("disk1", (request) => ({
    ...request,
    operations: request.operations.filter(({ step }) => !FILTER_STEPS.includes(step)),
  }));
  const error = await failureOf(vmName("test-unfiltered"), without);
  assert.is(error.code, "lock-down-failed");
  assert.match(error.message, /Cannot lock down process "disk1"/);
});

test("lock-down: a child whose listener nobody takes is ended, and not left waiting", async () => {
  const error = await failureOf(
    "test-untaken",
    alterOnly("disk1", (request) => ({ ...request, gate: null })),
  );
  assert.is(error.code, "spawn-failed");
  assert.match(error.message, /"disk1": take the listener: EINVAL/);
});

test.run();
