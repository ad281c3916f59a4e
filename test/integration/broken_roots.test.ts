import { chmodSync, cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type BulkheadError, previewPlan } from "../../src/index.js";
import { addon, type SpawnRequest } from "../../src/kernel/index.js";
import { type Alter, alterOnly, assertVerified, failureOfBroken } from "../support/broken_launch.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";

const test = suite("a root that is broken on purpose ends the launch", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

const failureOf = (name: string, alterSpawn: Alter): Promise<BulkheadError> => failureOfBroken(fixture, name, alterSpawn);

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

test("root: one more file stands in it, which another process of its role shares", async () => {
  const name = vmName("test-root");
  const { processes } = await previewPlan(await fixture.request(demoVmText({ name, disks: "blank" })));
  const root = processes.find(({ id }) => id === "disk1")?.root.find(({ target }) => target === "/")?.source ?? "";
  const file = join(root, "usr/bin/true");
  const richer = alterOnly("disk1", (request) => {
    cpSync("/usr/bin/true", file);
    return request;
  });
  try {
    const error = await failureOf(name, richer);
    assert.is(error.code, "verification-failed");
    assert.match(error.message, /layer root: planned .*\/usr\/bin\/true: not planned/);
  } finally {
    rmSync(file);
  }
});

test("root: it is a copy of the prepared one", async () => {
  const error = await failureOf(
    vmName("test-copy"),
    withCopiedRoot("copy", () => {}),
  );
  assertVerified(error, "root");
});

test("dumpable: the program can be read by its uid", async () => {
  const readable = withCopiedRoot("readable", (root) => chmodSync(join(root, "usr/bin/qemu-system-x86_64"), 0o555));
  assertVerified(await failureOf(vmName("test-dumpable"), readable), "dumpable");
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
