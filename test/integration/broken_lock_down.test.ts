import { closeSync } from "node:fs";
import * as assert from "uvu/assert";
import type { BulkheadError } from "../../src/index.js";
import { addon, type NativeCallGate } from "../../src/kernel/index.js";
import { generateFilter, type SyscallRule } from "../../src/seccomp/index.js";
import { type Alter, alterOnly, assertVerified, deceive, failureOfBroken } from "../support/broken_launch.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";

const test = suite("a lock-down that is broken on purpose ends the launch", {
  needs: ["root", "qemu", "user-namespaces"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

/** SECCOMP_FILTER_FLAG_NEW_LISTENER: include/uapi/linux/seccomp.h. */
const NEW_LISTENER = 1n << 3n;

const failureOf = (name: string, alterSpawn: Alter): Promise<BulkheadError> => failureOfBroken(fixture, name, alterSpawn);

test("lock-down: start calls are still let through when the VM is verified", async () => {
  const unlocked = alterOnly("disk1", (request) => {
    deceive(request, { lock: () => {} });
    return request;
  });
  const error = await failureOf("test-unlocked-calls", unlocked);
  assertVerified(error, "seccomp");
  assert.match(error.message, "planned locked down, observed its start calls are let through");
});

test("lock-down: a process holds a listener, with which calls can be let through", async () => {
  const sleeper = await startUnderListener();
  const listener = sleeper.gate.copyListener();
  try {
    const more = alterOnly("disk1", (request) => ({
      ...request,
      operations: request.operations.flatMap((one) =>
        one.step === "close-other-fds"
          ? [{ step: "place-fd", fd: listener, number: 9n } as const, { ...one, number: 9n }]
          : [one],
      ),
    }));
    const error = await failureOf("test-listener", more);
    assertVerified(error, "fds");
    assert.match(error.message, /9 -> \S*seccomp notify/);
  } finally {
    closeSync(listener);
    sleeper.end();
  }
});

test("lock-down: a child whose listener nobody takes is ended, and not left waiting", async () => {
  const error = await failureOf(
    "test-untaken",
    alterOnly("disk1", (request) => ({ ...request, gate: null })),
  );
  assert.is(error.code, "spawn-failed");
  assert.match(error.message, /"disk1": take the listener: EINVAL/);
});

/** A process under a filter that notifies what a child calls before its program, and allows the rest. */
async function startUnderListener(): Promise<{ readonly gate: NativeCallGate; end(): void }> {
  const rules = ["execve", "prctl"].map((syscall): SyscallRule => {
    const position = { file: "test", line: 1, column: 1 };
    return { syscall, checks: [], action: { kind: "notify" }, why: "until exec", position };
  });
  const filter = generateFilter({ rules, otherwise: { kind: "allow" } }, []).bytes;
  const gate = new addon.CallGate({ attach: [], absent: [], kill: false, onRefusal: () => {} });
  const session = new addon.Session({ coreCreate: false, coreSharePid: 0 });
  const { pidfd, failed } = await addon.spawnConfined({
    operations: [
      { step: "no-new-privs" },
      { step: "seccomp-filter", number: NEW_LISTENER, data: filter },
      { step: "listener-taken" },
      { step: "close-listener" },
      { step: "exec", path: "/usr/bin/sleep" },
    ],
    argv: ["sleep", "60"],
    environment: [],
    session,
    gate,
    namespaces: 0n,
    networkSocket: -1,
    cgroupFd: -1,
    userMap: "",
    groupMap: "",
    deadlineMs: 5000,
  });
  session.close();
  assert.not(failed);
  const ended = addon.waitExit({ pidfd, keepAlive: false });
  const end = (): void => {
    addon.sendSignal({ pidfd, signal: 9 });
    void ended.then(() => {
      closeSync(pidfd);
      gate.close();
    });
  };
  return { gate, end };
}

test.run();
