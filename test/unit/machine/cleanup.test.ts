import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { MachineError } from "../../../src/errors/index.js";
import { collectGarbage, endOrphan } from "../../../src/machine/index.js";
import {
  bootId,
  findRun,
  identifyProcess,
  type KnownRun,
  OwnedRun,
  type RunRecord,
  writeJson,
} from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { cgroupMount } from "../../support/machine_fixture.js";
import { hostWideName } from "../../support/run_identity.js";
import { makeDirectories } from "../state/temporary_directories.js";

const test = suite("cleaning up after dead launchers", { needs: ["root", "cgroup-v2"], timeoutMs: 20_000 });

/** Not in any host's account files; the reservations of this test are in a state of its own. */
const UID = 543_217;
/** Whom Debian calls nobody: base-passwd. */
const NOBODY_UID = 65_534;
let directories: ReturnType<typeof makeDirectories>;
let stranger: ChildProcess;

test.beforeEach(async () => {
  directories = makeDirectories();
  stranger = spawn("sleep", ["60"], { uid: UID });
  await once(stranger, "spawn");
});
test.afterEach(async () => {
  const closed = once(stranger, "close");
  if (stranger.kill("SIGKILL")) await closed;
  directories.remove();
});

/** Puts a record in place as a launcher that died would have left it. */
function leaveRun(vm: string, change: Partial<RunRecord> = {}): KnownRun {
  const directory = `${directories.run}/vms/${vm}`;
  mkdirSync(directory, { recursive: true });
  const launcher = { pid: 1, startTime: "never" };
  const record = { schemaVersion: 1, vm, bootId: bootId(), launcher, state: "running", processes: [], uids: [], cgroup: null };
  writeJson(`${directory}/record.json`, { ...record, shutdownGraceMs: 0, since: "2000-01-01T00:00:00Z", ...change });
  const run = findRun(directories, vm);
  if (run === null) throw new Error("the record was not found");
  return run;
}

function reserve(vm: string): string {
  const path = `${directories.run}/uids/${UID}`;
  mkdirSync(`${directories.run}/uids`, { recursive: true });
  writeFileSync(path, vm);
  return path;
}

const identityOf = (child: ChildProcess) => {
  const identity = identifyProcess(child.pid ?? 0);
  if (identity === null) throw new Error("the process has ended");
  return identity;
};

/** A signal that was sent has arrived when the process that a later one ended is reaped; here a short wait will do. */
async function lives(child: ChildProcess): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return child.exitCode === null && child.signalCode === null;
}

test("a uid on record that another VM has reserved since stays that VM's, with its processes", async () => {
  const reservation = reserve("web2");
  assert.ok(await endOrphan(directories, leaveRun("web1", { uids: [UID] })));
  assert.is(readFileSync(reservation, "utf8"), "web2");
  assert.ok(await lives(stranger));
});

test("a uid that the VM has reserved, on record or not, ends its processes and is released", async () => {
  const reservation = reserve("web1");
  assert.ok(await endOrphan(directories, leaveRun("web1")));
  assert.not.ok(existsSync(reservation));
  assert.not.ok(await lives(stranger));
});

test("processes on a record of another boot are not signalled; those of this boot are", async () => {
  const processes = [{ ...identityOf(stranger), id: "vmm", role: "vmm", session: 0 }];
  await endOrphan(directories, leaveRun("web1", { bootId: "another", processes }));
  assert.ok(await lives(stranger));
  await endOrphan(directories, leaveRun("web1", { processes }));
  assert.not.ok(await lives(stranger));
});

test("a VM is not forgotten while a process of it lives: its record and its reservation stay for a later round", async () => {
  const reservation = reserve("web1");
  const run = leaveRun("web1");
  spawnSync("chown", ["-R", String(NOBODY_UID), directories.base]);
  // Who may not signal a process stands for a kernel that does not let go of it.
  process.seteuid?.(NOBODY_UID);
  try {
    const failed = await endOrphan(directories, run, { patienceMs: 50 }).catch((error: unknown) => error);
    assert.instance(failed, MachineError);
    assert.equal([(failed as MachineError).code, (failed as MachineError).exitCode], ["processes-linger", 3]);
    assert.match((failed as MachineError).message, `still there: ${stranger.pid}.`);
  } finally {
    process.seteuid?.(0);
  }
  assert.is(readFileSync(reservation, "utf8"), "web1");
  assert.ok(await endOrphan(directories, findRun(directories, "web1") as KnownRun));
  assert.not.ok(await lives(stranger));
  assert.is(findRun(directories, "web1"), null);
});

test("one VM that cannot be cleaned up is reported, logged and left for others; the next is cleaned up", async () => {
  // No cgroup file system: its files keep the directory from being removed.
  const cgroup = `${directories.base}/group`;
  mkdirSync(cgroup);
  writeFileSync(`${cgroup}/file`, "");
  leaveRun("web1", { cgroup });
  leaveRun("web2");
  const report = await collectGarbage(directories);
  assert.equal(report.removed, ["web2"]);
  assert.equal(
    report.failed.map(({ vm }) => vm),
    ["web1"],
  );
  assert.match(readFileSync(`${directories.log}/events.jsonl`, "utf8"), /"event":"cleanup-failed","vm":"web1"/);
  const again = OwnedRun.takeOver(leaveRun("web1"));
  assert.ok(again !== null);
  again?.release();
});

test("a damaged record: what the VM reserved and its plan's group are cleaned up, and nobody else's process", async () => {
  const reservation = reserve("web1");
  const other = spawn("sleep", ["60"]);
  leaveRun("web1");
  writeFileSync(`${directories.run}/vms/web1/record.json`, "{");
  const damaged = findRun(directories, "web1");
  assert.is(damaged?.state, "damaged");
  assert.ok(damaged !== null && (await endOrphan(directories, damaged)));
  assert.not.ok(existsSync(reservation));
  assert.not.ok(await lives(stranger));
  assert.ok(await lives(other));
  other.kill("SIGKILL");
  assert.is(findRun(directories, "web1"), null);
});

test("the remains of another VM that cannot be removed delay a launch by 100 ms each, not by 5 s", async () => {
  const cgroup = `${cgroupMount()}/${hostWideName("bulkhead-test-stuck")}`;
  mkdirSync(cgroup);
  // A mount below keeps a directory busy for as long as it lasts.
  mkdirSync(`${cgroup}/busy`);
  spawnSync("mount", ["--bind", cgroup, `${cgroup}/busy`]);
  try {
    leaveRun("web1", { cgroup });
    const begin = Date.now();
    assert.is((await collectGarbage(directories, "web2")).failed.length, 1);
    assert.ok(Date.now() - begin < 2000);
  } finally {
    spawnSync("umount", [`${cgroup}/busy`]);
    await endOrphan(directories, leaveRun("web1", { cgroup }));
  }
});

test("a run directory without a record is removed once it is old and nobody holds its lock", async () => {
  const young = `${directories.run}/vms/young`;
  const old = `${directories.run}/vms/old`;
  for (const directory of [young, old]) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${directory}/lock`, "");
  }
  const held = OwnedRun.claim(directories, { vm: "held", shutdownGraceMs: 0 });
  utimesSync(old, 0, 0);
  utimesSync(held.directory, 0, 0);
  await collectGarbage(directories);
  assert.not.ok(existsSync(old));
  assert.ok(existsSync(young));
  assert.ok(existsSync(`${held.directory}/record.json`));
  held.release();
});

test.run();
