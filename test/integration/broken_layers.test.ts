import { chmodSync, closeSync, cpSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type BulkheadError, launch } from "../../src/index.js";
import { addon, type SpawnRequest } from "../../src/kernel/index.js";
import { type Alter, alterOnly, assertVerified, failureOfBroken, without } from "../support/broken_launch.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";

const test = suite("a layer that is broken on purpose ends the launch", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;
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

test("seccomp: no filter is loaded", async () =>
  assertVerified(await failureOf(vmName("test-seccomp"), without("seccomp-filter")), "seccomp"));

for (const [name, change] of [
  ["net", () => ({ networkSocket: -1 })],
  ["ipc", ({ namespaces }: SpawnRequest) => ({ namespaces: namespaces & ~0x0800_0000n })],
  ["pid", ({ namespaces }: SpawnRequest) => ({ namespaces: namespaces & ~0x2000_0000n })],
] as const) {
  test(`namespaces: the ${name} namespace stays the host's`, async () => {
    const share = alterOnly("disk1", (request) => ({ ...request, ...change(request) }));
    const error = await failureOf(vmName(`test-ns-${name}`), share);
    assertVerified(error, "namespaces");
    assert.match(error.message, `a ${name} namespace of its own, observed shares it with the host`);
  });
}

test("namespaces: the cgroup namespace stays the host's", async () =>
  assertVerified(await failureOf(vmName("test-ns-cgroup"), without("cgroup-namespace")), "namespaces"));

test("root: /dev is writable and holds one node more", async () => {
  const richer = alterOnly("disk1", (request) => {
    const user = Number(request.operations.find((one) => one.step === "user-id")?.number);
    const fd = addon.makeTmpfs({ sizeBytes: 65_536, context: "" });
    for (const [name, minor] of [
      ["null", 3],
      ["zero", 5],
      ["urandom", 9],
    ] as const) {
      addon.makeNode({ directoryFd: fd, name, major: 1, minor, mode: 0o600, user, group: user });
    }
    // The Landlock domain knows the planned /dev only, and would end the process first.
    return withoutLandlock({
      ...request,
      operations: request.operations.map((one) => (one.path === "dev" ? { ...one, fd } : one)),
    });
  });
  const error = await failureOf(vmName("test-dev"), richer);
  assertVerified(error, "root");
  assert.match(error.message, "/dev tmpfs nosuid,noexec");
  assert.match(error.message, "zero 1:5");
});

test("root: one more file stands in it", async () => {
  const error = await failureOf(
    vmName("test-root"),
    withCopiedRoot("extra", (root) => cpSync("/usr/bin/true", join(root, "usr/bin/true"))),
  );
  assertVerified(error, "root");
  assert.match(error.message, "/usr/bin/true: not planned");
});

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
  const reached = without("no-new-privs", "landlock", "expect-open", "seccomp-filter");
  assertVerified(await failureOf(vmName("test-nnp-late"), reached), "no-new-privs");
});

test("uid: the launcher's own gid is kept", async () =>
  assertVerified(await failureOf(vmName("test-gid"), without("group-id")), "uid"));

test("uid: the launcher's own uid is kept; the nodes of its uid are closed to it", async () => {
  const error = await failureOf(vmName("test-uid"), without("user-id"));
  assert.ok(["verification-failed", "process-died"].includes(error.code), error.message);
});

test("uid: the umask is the launcher's", async () =>
  assertVerified(await failureOf(vmName("test-umask"), without("umask")), "uid"));

test("dumpable: the program can be read by its uid", async () => {
  const readable = withCopiedRoot("readable", (root) => chmodSync(join(root, "usr/bin/qemu-system-x86_64"), 0o555));
  assertVerified(await failureOf(vmName("test-dumpable"), readable), "dumpable");
});

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

/** The process starts in a copy of its root that was changed. */
function withCopiedRoot(name: string, change: (root: string) => void): Alter {
  return alterOnly("disk1", (request) => {
    const planned = request.operations.find((one) => one.step === "attach-mount" && one.path === "/");
    const root = join(fixture.directory, `root-${name}`);
    mkdirSync(root);
    cpSync(`/proc/self/fd/${planned?.fd}/.`, root, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    change(root);
    const fd = addon.cloneTreeReadOnly({ path: root });
    const operations = request.operations.map((one) => {
      if (one === planned || (one.step === "pivot-root" && one.fd === planned?.fd)) return { ...one, fd };
      return one.directoryFd === planned?.fd ? { ...one, directoryFd: fd } : one;
    });
    return withoutLandlock({ ...request, operations });
  });
}

/** The domain is bound to the planned root's inodes and would refuse another root before it is seen. */
function withoutLandlock(request: SpawnRequest): SpawnRequest {
  return { ...request, operations: request.operations.filter((one) => one.step !== "landlock" && one.step !== "expect-open") };
}

test.run();
