import { closeSync, openSync } from "node:fs";
import * as assert from "uvu/assert";
import { type BulkheadError, launch } from "../../src/index.js";
import { addon, type SpawnRequest } from "../../src/kernel/index.js";
import { type Alter, alterOnly, assertVerified, failureOfBroken, withBlindGate, without } from "../support/broken_launch.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";

const test = suite("a layer that is broken on purpose ends the launch", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;
/** What only a child with a listener does. */
const HANDOVER = ["listener-taken", "close-listener"] as const;
/** Above all numbers of a manifest. */
const LEFT_OPEN_FD = 200n;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

const failureOf = (name: string, alterSpawn: Alter): Promise<BulkheadError> => failureOfBroken(fixture, name, alterSpawn);

test("nothing broken: the same VM launches", async () => {
  const machine = await launch(
    await fixture.request(demoVmText({ name: vmName("test-whole"), disks: "blank" }), { alterSpawn: (_, request) => request }),
  );
  machine.kill();
  await machine.ended;
  assert.equal(fixture.leftovers(), []);
});

test("seccomp: no filter is loaded, and its gate does not notice", async () => {
  const unfiltered = withBlindGate(without("seccomp-filter", ...HANDOVER));
  assertVerified(await failureOf(vmName("test-blind"), unfiltered), "seccomp");
});

for (const [name, change] of [
  ["net", () => ({ networkSocket: -1 })],
  ["ipc", ({ namespaces }: SpawnRequest) => ({ namespaces: namespaces & ~0x0800_0000n })],
  ["pid", ({ namespaces }: SpawnRequest) => ({ namespaces: namespaces & ~0x2000_0000n })],
] as const) {
  test(`namespaces: the ${name} namespace stays the host's`, async () => {
    const share = alterOnly("disk1", (request) => {
      // Of the host's own pid namespace nothing may be set.
      const operations = request.operations.filter((one) => name !== "pid" || one.step !== "memfd-noexec");
      return { ...request, operations, ...change(request) };
    });
    const error = await failureOf(vmName(`test-ns-${name}`), share);
    assertVerified(error, "namespaces");
    assert.match(error.message, `a ${name} namespace of its own, observed shares it with the host`);
  });
}

test("namespaces: the cgroup namespace stays the host's", async () =>
  assertVerified(await failureOf(vmName("test-ns-cgroup"), without("cgroup-namespace")), "namespaces"));

test("fds: one more is passed than the manifest has", async () => {
  const fd = openSync("/etc/hostname", "r");
  try {
    const more = alterOnly("disk1", (request) => ({
      ...request,
      operations: request.operations.flatMap((one) =>
        one.step === "close-other-fds" ? [{ step: "place-fd", fd, number: 9n } as const, { ...one, number: 9n }] : [one],
      ),
    }));
    const error = await failureOf(vmName("test-fds"), more);
    assertVerified(error, "fds");
    assert.match(error.message, "/etc/hostname");
  } finally {
    closeSync(fd);
  }
});

test("fds: those that are open beside the manifest's are not closed", async () => {
  const fd = openSync("/etc/hostname", "r");
  try {
    // Whatever Node opens closes on exec; what the launcher's own parent left it, high in the table, does not.
    const left = alterOnly("disk1", (request) => ({
      ...request,
      operations: request.operations.map((one) =>
        one.step === "close-other-fds" ? ({ step: "place-fd", fd, number: LEFT_OPEN_FD } as const) : one,
      ),
    }));
    const error = await failureOf(vmName("test-close"), left);
    assertVerified(error, "fds");
    assert.match(error.message, /200 .*\/etc\/hostname/);
  } finally {
    closeSync(fd);
  }
});

test("capabilities: the bounding set is kept", async () =>
  assertVerified(await failureOf(vmName("test-bounding"), without("drop-bounding-set")), "capabilities"));

test("capabilities: what is held is not dropped", async () =>
  assertVerified(await failureOf(vmName("test-caps"), without("drop-capabilities")), "capabilities"));

test("securebits: not set; only the probe before exec can tell", async () => {
  const error = await failureOf(vmName("test-securebits"), without("securebits"));
  assert.is(error.code, "probe-failed");
  assert.match(error.message, /"disk1": the probe of securebits/);
});

test("securebits: set, and not locked; only the reading before exec can tell", async () => {
  const unlocked = alterOnly("disk1", (request) => ({
    ...request,
    operations: request.operations.map((one) => (one.step === "securebits" ? { ...one, number: 0x40n } : one)),
  }));
  const error = await failureOf(vmName("test-unlocked"), unlocked);
  assert.is(error.code, "probe-failed");
  assert.match(error.message, /the probe of securebits.*they are not 0xef/);
});

test("session keyring: the launcher's is kept; only the reading before exec can tell", async () => {
  const error = await failureOf(vmName("test-keyring"), without("session-keyring"));
  assert.is(error.code, "probe-failed");
  assert.match(error.message, /"disk1": the probe of the session keyring/);
});

test("session: another than the VM's", async () => {
  const session = new addon.Session({ coreCreate: false, coreSharePid: 0 });
  const error = await failureOf(
    vmName("test-session"),
    alterOnly("disk1", (request) => ({ ...request, session })),
  );
  session.close();
  assertVerified(error, "namespaces");
  assert.match(error.message, /planned session \d+, process group \d+, no terminal/);
});

test("process group: the session's is kept", async () => {
  const error = await failureOf(vmName("test-group"), without("process-group"));
  assertVerified(error, "namespaces");
  assert.match(error.message, /planned session \d+, process group \d+, no terminal/);
});

test("landlock: the domain is not entered; only the probe before exec can tell", async () => {
  const error = await failureOf(vmName("test-landlock"), without("landlock"));
  assert.is(error.code, "probe-failed");
  assert.match(error.message, /"disk1": the probe of landlock/);
});

test("no-new-privs: not set; nothing that needs it works", async () => {
  const error = await failureOf(vmName("test-nnp"), without("no-new-privs"));
  assert.is(error.code, "step-failed");
  assert.match(error.message, /step landlock: EPERM/);
});

test("no-new-privs: not set, and the steps that need it left out too", async () => {
  const reached = withBlindGate(without("no-new-privs", "landlock", "expect-open", "seccomp-filter", ...HANDOVER));
  assertVerified(await failureOf(vmName("test-nnp-late"), reached), "no-new-privs");
});

test("uid: the launcher's own gid is kept", async () =>
  assertVerified(await failureOf(vmName("test-gid"), without("group-id")), "uid"));

test("uid: the launcher's own uid is kept; the nodes of its uid are closed to it", async () => {
  const error = await failureOf(vmName("test-uid"), without("user-id"));
  // QEMU may go on without /dev/null, and then makes a call of its fallback, which its role does not grant.
  assert.ok(["verification-failed", "process-died", "intrusion"].includes(error.code), error.message);
});

test("uid: the umask is the launcher's", async () =>
  assertVerified(await failureOf(vmName("test-umask"), without("umask")), "uid"));

test("rlimits: none is set", async () =>
  assertVerified(await failureOf(vmName("test-rlimits"), without("resource-limit")), "rlimits"));

test("cgroup: the process stays in the launcher's group", async () =>
  assertVerified(
    await failureOf(
      vmName("test-cgroup"),
      alterOnly("disk1", (request) => ({ ...request, cgroupFd: -1 })),
    ),
    "cgroup",
  ));

test("host name: the step has no capability left to work with", async () => {
  const late = alterOnly("disk1", (request) => {
    const names = request.operations.filter((one) => one.step === "host-name");
    const others = request.operations.filter((one) => one.step !== "host-name");
    const place = others.findIndex((one) => one.step === "no-new-privs");
    return { ...request, operations: [...others.slice(0, place), ...names, ...others.slice(place)] };
  });
  const error = await failureOf(vmName("test-hostname"), late);
  assert.is(error.code, "step-failed");
  assert.match(error.message, /step host-name: EPERM/);
});

test.run();
