import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import * as assert from "uvu/assert";
import { StateError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import {
  bootId,
  findRun,
  identifyProcess,
  listRuns,
  OwnedRun,
  type RunRecord,
  releaseStrayUids,
  writeJson,
} from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "./temporary_directories.js";

const test = suite("claims of VM names", { timeoutMs: 20_000 });

const VM = { vm: "web1", shutdownGraceMs: 250 };
let directories: ReturnType<typeof makeDirectories>;

test.beforeEach(() => {
  directories = makeDirectories();
});
test.afterEach(() => directories.remove());

function assertBusy(claim: () => unknown, answer: RegExp): void {
  assert.throws(claim, (error: unknown) => {
    assert.instance(error, StateError);
    assert.is((error as StateError).code, "vm-name-busy");
    assert.match((error as StateError).message, answer);
    return true;
  });
}

/** Puts a record in place as some other launcher would have left it. */
function leaveRecord(change: Partial<RunRecord>): void {
  const directory = `${directories.run}/vms/web1`;
  mkdirSync(directory, { recursive: true });
  const launcher = { pid: 1, startTime: "never" };
  const record = {
    schemaVersion: 1,
    vm: "web1",
    bootId: bootId(),
    launcher,
    state: "running",
    processes: [],
    uids: [],
    cgroup: null,
  };
  writeJson(`${directory}/record.json`, { ...record, shutdownGraceMs: 0, since: "2000-01-01T00:00:00Z", ...change });
}

/** This very process, as a record would name it. */
function aliveProcess() {
  const identity = identifyProcess(process.pid);
  if (identity === null) throw new Error("/proc does not show this process");
  return identity;
}

test("claim: the record names this launcher, this boot and nothing else yet", () => {
  const run = OwnedRun.claim(directories, VM);
  const known = findRun(directories, "web1");
  assert.equal(known?.record, run.record);
  assert.is(known?.state, "starting");
  assert.is(run.record.bootId, bootId());
  assert.equal(run.record.launcher, aliveProcess());
  assert.equal(run.record.processes, []);
  run.release();
});

test("claim: a name that is held is busy, and free again after its release", () => {
  const first = OwnedRun.claim(directories, VM);
  assertBusy(() => OwnedRun.claim(directories, VM), /another launcher runs it/);
  first.release();
  OwnedRun.claim(directories, VM).release();
});

test("claim: other names are not held", () => {
  const runs = ["web1", "web2"].map((vm) => OwnedRun.claim(directories, { ...VM, vm }));
  assert.equal(
    listRuns(directories).map((run) => run.record.vm),
    ["web1", "web2"],
  );
  for (const run of runs) run.release();
});

test("release: nothing of the run is left", () => {
  OwnedRun.claim(directories, VM).release();
  assert.equal(readdirSync(`${directories.run}/vms`), []);
  assert.is(findRun(directories, "web1"), null);
});

test("release: a second one closes nobody's fd, and an update touches nobody's record", () => {
  const first = OwnedRun.claim(directories, VM);
  first.release();
  // The lowest free number: the one that the lock had.
  const fd = openSync("/dev/null", "r");
  const second = OwnedRun.claim(directories, VM);
  first.release();
  first.update({ state: "stopping" });
  fstatSync(fd);
  assert.is(findRun(directories, "web1")?.state, "starting");
  assert.ok(first.released && !second.released);
  closeSync(fd);
  second.release();
});

test("claim: two processes never own one name at a time, and each gets its turn", async () => {
  const script = join(import.meta.dirname, "claim_loop.js");
  const args = [script, directories.base, "2", "150"];
  const children = [0, 1].map(() => spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] }));
  for (const end of await Promise.all(children.map(endOf))) assert.is(end.code, 0, end.errors);
  assert.not.ok(existsSync(`${directories.base}/owned`));
});

async function endOf(child: ChildProcess): Promise<{ code: number; errors: string }> {
  const [[code], errors] = await Promise.all([once(child, "close"), text(child.stderr as NodeJS.ReadableStream)]);
  return { code: code as number, errors };
}

test("claim: a record of another boot is dead, whatever its pids are now", () => {
  leaveRecord({
    bootId: "another",
    launcher: aliveProcess(),
    processes: [{ ...aliveProcess(), id: "vmm", role: "vmm", session: 0 }],
  });
  const known = findRun(directories, "web1");
  assert.is(known?.state, "dead");
  assert.equal(known?.processes, []);
  OwnedRun.claim(directories, VM).release();
});

test("claim: a record whose launcher's pid was given to another process is dead", () => {
  leaveRecord({ launcher: { pid: process.pid, startTime: "1" } });
  assert.is(findRun(directories, "web1")?.state, "dead");
  OwnedRun.claim(directories, VM).release();
});

test("claim: processes that outlived their launcher keep the name", () => {
  const alive = { ...aliveProcess(), id: "vmm", role: "vmm", session: 0 };
  leaveRecord({ processes: [alive, { pid: process.pid, startTime: "1", id: "disk0", role: "disk", session: 0 }] });
  const known = findRun(directories, "web1");
  assert.is(known?.state, "orphaned");
  assert.equal(known?.processes, [alive]);
  assertBusy(() => OwnedRun.claim(directories, VM), /its state is orphaned/);
});

test("claim: a refused claim holds no lock", () => {
  leaveRecord({ processes: [{ ...aliveProcess(), id: "vmm", role: "vmm", session: 0 }] });
  assertBusy(() => OwnedRun.claim(directories, VM), /orphaned/);
  leaveRecord({});
  OwnedRun.claim(directories, VM).release();
});

test("a launch whose launcher died before the guest ran is dead, its processes alive or not", () => {
  leaveRecord({ state: "starting", processes: [{ ...aliveProcess(), id: "vmm", role: "vmm", session: 0 }] });
  const known = findRun(directories, "web1");
  assert.is(known?.state, "dead");
  assert.is(known?.processes.length, 1);
});

for (const [what, text] of [
  ["half of a record", '{"schemaVersion":1,"vm":"we'],
  ["no record", "[]"],
  ["a record without its launcher", '{"vm":"web1","bootId":"x","processes":[],"uids":[],"state":"running"}'],
] as const) {
  test(`${what} in record.json: the VM is damaged, its name is kept, and whoever takes it over repairs it`, () => {
    leaveRecord({});
    writeFileSync(`${directories.run}/vms/web1/record.json`, text);
    const known = findRun(directories, "web1");
    assert.is(known?.state, "damaged");
    assertBusy(() => OwnedRun.claim(directories, VM), /its state is damaged/);
    if (known === null) throw new Error("it is not listed");
    const owned = OwnedRun.takeOver(known);
    owned?.update({});
    assert.is(findRun(directories, "web1")?.state, "dead");
    owned?.release();
  });
}

test("claim: waits for somebody who holds the lock only to forget the name", async () => {
  // It says when it begins to wait, and goes on when the lock is free: so long no time passes for it.
  const script = `import { readSync, writeSync } from "node:fs";
    import { OwnedRun } from ${JSON.stringify(join(import.meta.dirname, "../../../src/state/index.js"))};
    Atomics.wait = () => { writeSync(1, "waits\\n"); readSync(0, Buffer.alloc(1)); };
    const run = OwnedRun.claim(JSON.parse(process.argv[1]), { vm: "web1", shutdownGraceMs: 0 });
    writeSync(1, "claimed\\n");
    run.release();`;
  const directory = `${directories.run}/vms/web1`;
  mkdirSync(directory, { recursive: true });
  const fd = openSync(`${directory}/lock`, "w");
  assert.ok(addon.tryLock({ fd }));
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, JSON.stringify(directories)]);
  const said = text(child.stdout);
  await once(child.stdout, "readable");
  closeSync(fd);
  child.stdin.end("x");
  assert.is(await said, "waits\nclaimed\n");
});

test("stray uids: those reserved for a VM without a record are released, those of a VM that is being launched stay", () => {
  const run = OwnedRun.claim(directories, VM);
  const uids = `${directories.run}/uids`;
  mkdirSync(uids, { recursive: true });
  for (const [uid, vm] of [
    [500_001, "web1"],
    [500_002, "web2"],
    [500_003, ""],
  ] as const)
    writeFileSync(`${uids}/${uid}`, vm);
  releaseStrayUids(directories);
  assert.equal(readdirSync(uids).sort(), ["500001", "500003"]);
  utimesSync(`${uids}/500003`, 0, 0);
  releaseStrayUids(directories);
  assert.equal(readdirSync(uids), ["500001"]);
  assert.equal(readdirSync(`${directories.run}/vms`), ["web1"]);
  run.release();
});

test("update: what is not named stays, and a reader never meets half of a record", () => {
  const run = OwnedRun.claim(directories, VM);
  run.update({ uids: [500_001] });
  run.update({ state: "running" });
  // What a launcher leaves that dies while it writes: the next record beside the one that counts.
  writeFileSync(`${run.directory}/record.json.next`, '{"schemaVersion":1,"vm":"we');
  const known = findRun(directories, "web1");
  assert.equal(known?.record.uids, [500_001]);
  assert.is(known?.state, "running");
  run.update({ state: "stopping" });
  assert.is(findRun(directories, "web1")?.state, "stopping");
  run.release();
});

test("list: no directory yet means no VMs, and a directory without a record is none", () => {
  assert.equal(listRuns(directories), []);
  mkdirSync(`${directories.run}/vms/half`, { recursive: true });
  assert.equal(listRuns(directories), []);
});

test.run();
