import { readFileSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { writeBootImage } from "../support/boot_sectors.js";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { findListed, isRunning, orphan, startFollowing, supervisorOf, writeIdleVm } from "../support/idle_vm.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { linksOfFds } from "../support/proc_reading.js";
import { Provoker } from "../support/provoke.js";
import { runBulkhead, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("bulkhead run --detach, attach", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
let fixture: MachineFixture;

let provoker: Provoker;
/** ptrace(2), which no role may call: asm/unistd_64.h. */
const PTRACE_CALL = 101;

test.before(async () => {
  fixture = await makeFixture();
  provoker = new Provoker();
});
test.after(() => {
  provoker.remove();
  return fixture.remove();
});
test.afterEach(() => assert.equal(fixture.leftovers(), []));

async function detach(vm: string, change?: (text: string) => string): Promise<void> {
  await writeIdleVm(fixture, vm, change);
  const started = await runBulkhead(["run", "--detach", `${vm}.yaml`], fixture);
  assert.is(started.exitCode, 0, started.stderr);
}

async function pidOf(vm: string, id: string): Promise<number> {
  return (await findListed(fixture, vm))?.processes.find((process) => process.id === id)?.pid ?? 0;
}

/** proc_pid_stat(5): session, tty_nr. */
function sessionOf(pid: number): { session: number; terminal: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { session: Number(fields[3]), terminal: Number(fields[4]) };
}

/** Whether the supervisor gave its privileges up, and what the kernel shows of it is what its plan says. */
async function isConfined(vm: string): Promise<boolean> {
  const inspected = await runBulkhead(["inspect", vm, "--json"], fixture);
  assert.is(inspected.exitCode, 0, inspected.stdout + inspected.stderr);
  return (JSON.parse(inspected.stdout) as { launcher: { confined: boolean } }).launcher.confined;
}

test("detached: the command ends with 0 once the guest runs; its supervisor has its own session and nothing of the caller's", async () => {
  await detach(vmName("test-detach"));
  assert.is((await findListed(fixture, vmName("test-detach")))?.state, "running");
  const pid = supervisorOf(fixture, vmName("test-detach"));
  assert.equal(sessionOf(pid), { session: pid, terminal: 0 });
  assert.is(readlinkSync(`/proc/${pid}/cwd`), "/");
  assert.is(readlinkSync(`/proc/${pid}/fd/0`), "/dev/null");
  assert.ok(await isConfined(vmName("test-detach")));
  const stopped = await runBulkhead(["stop", vmName("test-detach")], fixture);
  assert.is(stopped.exitCode, 0, stopped.stderr);
  await waitUntil(() => !isRunning(pid), "the supervisor's end");
});

test("detached: a launch that fails gives its error and exit code, and a terminal for a console is refused", async () => {
  await writeIdleVm(fixture, vmName("test-refused"), (text) => text.replace("disk1-blank.img", "missing.img"));
  const failed = await runBulkhead(["run", "--detach", `${vmName("test-refused")}.yaml`], fixture);
  assert.is(failed.exitCode, 2);
  assert.match(failed.stderr, /cannot use "missing.img".*ENOENT/);
  await writeFile(
    join(fixture.directory, `${vmName("test-stdio")}.yaml`),
    demoVmText({ name: vmName("test-stdio"), disks: "blank" }),
  );
  const refused = await runBulkhead(["run", "-d", `${vmName("test-stdio")}.yaml`], fixture);
  assert.is(refused.exitCode, 2);
  assert.match(
    refused.stderr,
    /test-stdio-\w+\.yaml:3:\d+: cannot run VM "test-stdio-\w+" in the background: its serial console is `stdio`/,
  );
});

test("an orphan: attach gives it a supervisor that is confined, can ask and verify, and sees its devices die", async () => {
  await detach(vmName("test-adopt"));
  await orphan(fixture, vmName("test-adopt"));
  const before = await findListed(fixture, vmName("test-adopt"));
  assert.is(before?.state, "orphaned");
  const unsupervised = await runBulkhead(["qmp", vmName("test-adopt"), "query-status"], fixture);
  assert.is(unsupervised.exitCode, 3);
  assert.match(unsupervised.stderr, `bulkhead attach ${vmName("test-adopt")}`);
  const attached = await runBulkhead(["attach", "--no-follow", vmName("test-adopt")], fixture);
  assert.is(attached.exitCode, 0, attached.stderr);
  assert.equal(await findListed(fixture, vmName("test-adopt")), { ...(before as object), state: "running" });
  for (const id of ["vmm", "disk1", "net0"]) {
    const asked = await runBulkhead(["qmp", vmName("test-adopt"), id, "query-status"], fixture);
    assert.is(asked.exitCode, 0, asked.stderr);
  }
  assert.ok(await isConfined(vmName("test-adopt")));
  const following = await startFollowing(fixture, vmName("test-adopt"));
  process.kill(await pidOf(vmName("test-adopt"), "net0"), "SIGKILL");
  const ended = await following.finished;
  assert.is(ended.exitCode, 4, ended.stderr);
  assert.match(ended.stderr, /process "net0" died/);
});

test("an orphan that was taken over: a call that a filter refuses is an intrusion, as in a VM of one's own", async () => {
  await detach(vmName("test-intruded"));
  await orphan(fixture, vmName("test-intruded"));
  assert.is((await runBulkhead(["attach", "--no-follow", vmName("test-intruded")], fixture)).exitCode, 0);
  const following = await startFollowing(fixture, vmName("test-intruded"));
  provoker.call(await pidOf(vmName("test-intruded"), "disk0"), PTRACE_CALL);
  const ended = await following.finished;
  assert.is(ended.exitCode, 5, ended.stderr);
  assert.match(ended.stderr, 'process "disk0" died of SIGSYS: its seccomp filter refused ptrace');
});

test("an orphan that was intruded upon while nobody supervised it: attach finds that out too", async () => {
  await detach(vmName("test-unseen"));
  await orphan(fixture, vmName("test-unseen"));
  const pid = await pidOf(vmName("test-unseen"), "disk0");
  provoker.call(pid, PTRACE_CALL);
  await waitUntil(() => !isRunning(pid), "the device's end");
  await runBulkhead(["attach", "--no-follow", vmName("test-unseen")], fixture);
  await waitUntil(() => eventsOf(fixture, vmName("test-unseen"), "end").length === 1, "the VM's end");
  assert.equal(
    eventsOf(fixture, vmName("test-unseen"), "end").map(({ reason, exitCode }) => [reason, exitCode]),
    [["intrusion", 5]],
  );
  await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
});

test("an orphan whose device died meanwhile: attach finds that out and ends it as its VM file says", async () => {
  await detach(vmName("test-late"));
  await orphan(fixture, vmName("test-late"));
  const pid = await pidOf(vmName("test-late"), "disk0");
  process.kill(pid, "SIGKILL");
  await waitUntil(() => !isRunning(pid), "the device's end");
  await runBulkhead(["attach", "--no-follow", vmName("test-late")], fixture);
  await waitUntil(async () => (await findListed(fixture, vmName("test-late"))) === undefined, "the VM's end");
  await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
});

test("an orphan that is stopped: whoever stops it is confined while the guest may take its time, and tells of an intrusion", async () => {
  await detach(vmName("test-halt"), (text) => text.replace("shutdownGraceMs: 200", "shutdownGraceMs: 30000"));
  await orphan(fixture, vmName("test-halt"));
  const stopping = startBulkhead(["stop", vmName("test-halt")], fixture);
  await waitUntil(() => eventsOf(fixture, vmName("test-halt"), "stop").length === 1, "the request to shut down");
  assert.is(supervisorOf(fixture, vmName("test-halt")), stopping.child.pid);
  assert.ok(await isConfined(vmName("test-halt")));
  provoker.call(await pidOf(vmName("test-halt"), "disk1"), PTRACE_CALL);
  const stopped = await stopping.finished;
  assert.is(stopped.exitCode, 5, stopped.stderr);
  assert.match(stopped.stderr, /refused ptrace\n.*is stopped/);
});

test("an orphan's serial log: who takes it over writes the file that the launch opened, whatever its name leads to by now", async () => {
  const text = (name: string) => (file: string) => file.replace("serial: none", `serial: {file: ${name}}`);
  await detach(vmName("test-log"), text("serial.log"));
  const [log, moved, precious] = ["serial.log", "moved.log", "precious"].map((name) => join(fixture.directory, name)) as [
    string,
    string,
    string,
  ];
  await orphan(fixture, vmName("test-log"));
  renameSync(log, moved);
  await writeFile(precious, "untouched");
  symlinkSync(precious, log);
  await writeIdleVm(fixture, vmName("test-log-thief"), (file) => text("moved.log")(file).replace(/devices:[\s\S]*$/, ""));
  const refused = await runBulkhead(["run", "--detach", `${vmName("test-log-thief")}.yaml`], fixture);
  assert.is(refused.exitCode, 3, "an orphan's log is still its own");
  assert.match(refused.stderr, /cannot write "moved.log".*holds a lock on it/);
  const attached = await runBulkhead(["attach", "--no-follow", vmName("test-log")], fixture);
  assert.is(attached.exitCode, 0, attached.stderr);
  const paths = [...linksOfFds(supervisorOf(fixture, vmName("test-log"))).values()];
  assert.ok(paths.includes(moved));
  assert.not.ok(paths.includes(precious));
  assert.is((await runBulkhead(["stop", vmName("test-log")], fixture)).exitCode, 0);
});

test("stop, whose supervisor dies under it: what serves on is ended all the same", async () => {
  await detach("test-under", (text) => text.replace("shutdownGraceMs: 200", "shutdownGraceMs: 1500"));
  const supervisor = supervisorOf(fixture, "test-under");
  const stopping = startBulkhead(["stop", "test-under"], fixture);
  await waitUntil(() => eventsOf(fixture, "test-under", "stop").length === 1, "the stop");
  process.kill(supervisor, "SIGKILL");
  const stopped = await stopping.finished;
  assert.is(stopped.exitCode, 0, stopped.stderr);
  assert.equal(fixture.leftovers(), [], "it says that the VM is stopped");
});

test("an orphan without its keeper cannot be attached; stop says so and ends it by force", async () => {
  await detach(vmName("test-kept"));
  const record = JSON.parse(readFileSync(`${fixture.directory}/run/vms/${vmName("test-kept")}/record.json`, "utf8")) as {
    keeper: { pid: number };
  };
  process.kill(record.keeper.pid, "SIGKILL");
  await orphan(fixture, vmName("test-kept"));
  const attached = await runBulkhead(["attach", vmName("test-kept")], fixture);
  assert.is(attached.exitCode, 3);
  assert.match(attached.stderr, /Cannot reach the keeper of VM "test-kept-\w+"/);
  assert.is((await findListed(fixture, vmName("test-kept")))?.state, "orphaned");
  const stopped = await runBulkhead(["stop", vmName("test-kept")], fixture);
  assert.is(stopped.exitCode, 0, stopped.stderr);
  assert.match(stopped.stderr, "by force");
});

test("attach: Ctrl-C ends the following, not the VM", async () => {
  await detach(vmName("test-left"));
  const following = await startFollowing(fixture, vmName("test-left"));
  following.child.kill("SIGINT");
  const left = await following.finished;
  assert.is(left.exitCode, 0, left.stderr);
  assert.match(left.stderr, `VM "${vmName("test-left")}" runs on`);
  assert.is((await findListed(fixture, vmName("test-left")))?.state, "running");
  assert.is((await runBulkhead(["stop", vmName("test-left"), "--now"], fixture)).exitCode, 0);
});

test.run();

const speaking = suite("bulkhead attach to a VM whose guest speaks", {
  needs: ["root", "qemu-tcg", "user-namespaces"],
  timeoutMs: 60_000,
});
speaking.before(async () => {
  fixture = await makeFixture();
});
speaking.after(() => fixture.remove());
speaking.afterEach(() => assert.equal(fixture.leftovers(), []));

speaking("attach follows console and events of a live VM, and ends as it ended, with a last line that tells how", async () => {
  const vm = vmName("test-follow");
  await writeBootImage(join(fixture.directory, "disk0-blank.img"), "flood-serial");
  await detach(vm, (text) => text.replace("serial: none", "serial: {file: serial.log}"));
  const following = await startFollowing(fixture, vm);
  await waitUntil(() => following.output().includes("xxxxxxxx"), "the guest's words", 30_000);
  const stopped = await runBulkhead(["stop", vm, "--now"], fixture);
  assert.is(stopped.exitCode, 0, stopped.stderr);
  const ended = await following.finished;
  assert.is(ended.exitCode, 0, ended.stderr);
  assert.match(ended.stderr, /"event":"cleanup".*\n.*ended: .+\n$/);
  // It began to follow somewhere in the middle, and from there on missed nothing.
  assert.ok(readFileSync(join(fixture.directory, "serial.log"), "latin1").endsWith(ended.stdout), "console and log differ");
});

speaking.run();
