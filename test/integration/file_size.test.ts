import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { launch, type RunningMachine } from "../../src/index.js";
import { planFileSize } from "../../src/plan/file_size_limit.js";
import { parseVmText } from "../../src/spec/index.js";
import { alterOnly, assertVerified, failureOfBroken } from "../support/broken_launch.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";

const test = suite("to where a disk process may write", {
  needs: ["root", "qemu-tcg", "user-namespaces", "qemu-img"],
  timeoutMs: 60_000,
});

/** asm/unistd_64.h */
const PWRITE64 = 18;
const FALLOCATE = 285;
/** asm-generic/errno-base.h */
const EFBIG = 27;
/** linux/falloc.h */
const FALLOC_FL_KEEP_SIZE = 1;
/** asm-generic/resource.h */
const RLIMIT_FSIZE = 1n;
const MIB = 1024 * 1024;
/** demoVmText()'s blank disks. */
const BLANK_BYTES = MIB;

let fixture: MachineFixture;
let provoker: Provoker;
test.before(async () => {
  fixture = await makeFixture();
  provoker = new Provoker();
});
test.after(() => {
  provoker.remove();
  return fixture.remove();
});
test.afterEach(() => assert.equal(fixture.leftovers(), []));

const place = (name: string): string => join(fixture.directory, name);

async function start(name: string, disk1: string): Promise<RunningMachine> {
  const text = demoVmText({ name, disks: "blank" }).replace("{file: disk1-blank.img}", disk1);
  return launch(await fixture.request(text));
}

async function end(machine: RunningMachine): Promise<void> {
  machine.kill();
  await machine.ended;
}

/** Where a process has a file open. */
function fdOf(pid: number, path: string): number {
  const found = readdirSync(`/proc/${pid}/fd`).find((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === path);
  if (found === undefined) throw new Error(`process ${pid} has not opened ${path}`);
  return Number(found);
}

const limitOf = (pid: number): string | undefined =>
  /^Max file size +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];

test("a raw image: a process that was taken over writes within it, cannot make it grow, nor take room behind its end", async () => {
  const machine = await start(vmName("file-size"), "{file: disk1-blank.img}");
  const pid = machine.pids.get("disk1") as number;
  const fd = fdOf(pid, place("disk1-blank.img"));
  assert.is(limitOf(pid), String(BLANK_BYTES));
  assert.is(provoker.ask(pid, FALLOCATE, [fd, 0, 0, BLANK_BYTES]), 0);
  assert.is(provoker.ask(pid, FALLOCATE, [fd, 0, 0, BLANK_BYTES + 1]), -EFBIG);
  assert.is(provoker.ask(pid, PWRITE64, [fd, 0, 1, BLANK_BYTES]), -EFBIG);
  assert.is(statSync(place("disk1-blank.img")).size, BLANK_BYTES);
  // The kernel asks nobody for room that does not change a file's size: the filter ends who tries.
  assert.is.not(provoker.ask(pid, FALLOCATE, [fd, FALLOC_FL_KEEP_SIZE, 0, 2 * BLANK_BYTES]), 0);
  const { reason, process } = await machine.ended;
  assert.equal([reason, process], ["intrusion", "disk1"]);
});

test("a limit that is not set is found before the guest runs", async () => {
  const unlimited = alterOnly("disk1", (request) => ({
    ...request,
    operations: request.operations.filter((one) => one.step !== "resource-limit" || one.number !== RLIMIT_FSIZE),
  }));
  const error = await failureOfBroken(fixture, vmName("file-broken"), unlimited);
  assertVerified(error, "rlimits");
  assert.match(error.message, /planned fsize \d+, \d+, observed fsize -1, -1/);
});

test("who writes no file may not begin one: a card, a disk that is read only", async () => {
  const machine = await start(vmName("file-none"), "{file: disk1-blank.img, readOnly: true}");
  for (const id of ["net0", "disk1"]) assert.is(limitOf(machine.pids.get(id) as number), "0", id);
  await end(machine);
});

/** What the plan gives a qcow2 image of this size and virtual size. */
function boundOf(path: string, virtualBytes: number): number {
  const text =
    "name: a\nmachine: {memory: 64M}\ndevices: [{id: d, role: disk, model: nvme, disk: {file: a.qcow2, format: qcow2}}]\n";
  const [device] = parseVmText(text, { file: "a.yaml", directory: "/" }).devices;
  if (device === undefined) throw new Error("no device");
  const facts = { kind: "file", sizeBytes: statSync(path).size, path, blockDevice: null } as const;
  return planFileSize(device, new Map([["d", facts]]), BigInt(virtualBytes));
}

test("a qcow2 image: the launch sets the limit by what its judge read", async () => {
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", place("grow.qcow2"), "8M"]);
  const expected = boundOf(place("grow.qcow2"), 8 * MIB);
  const machine = await start(vmName("file-qcow2"), "{file: grow.qcow2, format: qcow2}");
  const pid = machine.pids.get("disk1") as number;
  assert.is(limitOf(pid), String(expected));
  const fd = fdOf(pid, place("grow.qcow2"));
  assert.is(provoker.ask(pid, PWRITE64, [fd, 0, 1, expected]), -EFBIG);
  await end(machine);
});

for (const [what, options, prepare] of [
  ["the smallest clusters", ["-o", "cluster_size=512"], []],
  ["the largest clusters", ["-o", "cluster_size=2M"], []],
  ["subclusters", ["-o", "extended_l2=on,cluster_size=16k"], []],
  ["the widest reference counts", ["-o", "refcount_bits=64,cluster_size=512"], []],
  ["a snapshot of a full disk", [], [["write", "-P", "1", "0", "16M"], "snapshot"]],
] as const) {
  test(`a qcow2 image with ${what} stays below its limit when all of its disk is written`, async () => {
    const path = place("full.qcow2");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...options, path, "16M"]);
    for (const step of prepare) {
      if (step === "snapshot") execFileSync("qemu-img", ["snapshot", "-c", "s", path]);
      else execFileSync("qemu-io", ["-f", "qcow2", "-c", step.join(" "), path], { stdio: "ignore" });
    }
    const bound = boundOf(path, 16 * MIB);
    // From the end: clusters in another order than the guest's, tables as scattered as can be.
    const writes = Array.from({ length: 16 }, (_, index) => ["-c", `write -P 2 ${15 - index}M 1M`]).flat();
    execFileSync("qemu-io", ["-f", "qcow2", ...writes, path], { stdio: "ignore" });
    const { size } = statSync(path);
    assert.ok(size > 16 * MIB && size <= bound, `${size} bytes, limit ${bound}`);
  });
}

test.run();
