import { readFileSync, readlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { findListed, isRunning, orphan, supervisorOf, writeIdleVm } from "../support/idle_vm.js";
import { demoVmText, type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";
import { runBulkhead, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("bulkhead run --detach, attach", { needs: ["root", "qemu", "user-namespaces"], timeoutMs: 60_000 });
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
  await detach("test-detach");
  assert.is((await findListed(fixture, "test-detach"))?.state, "running");
  const pid = supervisorOf(fixture, "test-detach");
  assert.equal(sessionOf(pid), { session: pid, terminal: 0 });
  assert.is(readlinkSync(`/proc/${pid}/cwd`), "/");
  assert.is(readlinkSync(`/proc/${pid}/fd/0`), "/dev/null");
  assert.ok(await isConfined("test-detach"));
  const stopped = await runBulkhead(["stop", "test-detach"], fixture);
  assert.is(stopped.exitCode, 0, stopped.stderr);
  await waitUntil(() => !isRunning(pid), "the supervisor's end");
});

test("detached: a launch that fails gives its error and exit code, and a terminal for a console is refused", async () => {
  await writeIdleVm(fixture, "test-refused", (text) => text.replace("disk1-blank.img", "missing.img"));
  const failed = await runBulkhead(["run", "--detach", "test-refused.yaml"], fixture);
  assert.is(failed.exitCode, 2);
  assert.match(failed.stderr, /cannot use "missing.img".*ENOENT/);
  await writeFile(join(fixture.directory, "test-stdio.yaml"), demoVmText({ name: "test-stdio", disks: "blank" }));
  const refused = await runBulkhead(["run", "-d", "test-stdio.yaml"], fixture);
  assert.is(refused.exitCode, 2);
  assert.match(
    refused.stderr,
    /test-stdio\.yaml:3:\d+: cannot run VM "test-stdio" in the background: its serial console is `stdio`/,
  );
});

test("an orphan: attach gives it a supervisor that is confined, can ask and verify, and sees its devices die", async () => {
  await detach("test-adopt");
  await orphan(fixture, "test-adopt");
  const before = await findListed(fixture, "test-adopt");
  assert.is(before?.state, "orphaned");
  const unsupervised = await runBulkhead(["qmp", "test-adopt", "query-status"], fixture);
  assert.is(unsupervised.exitCode, 3);
  assert.match(unsupervised.stderr, "bulkhead attach test-adopt");
  const attached = await runBulkhead(["attach", "--no-follow", "test-adopt"], fixture);
  assert.is(attached.exitCode, 0, attached.stderr);
  assert.equal(await findListed(fixture, "test-adopt"), { ...(before as object), state: "running" });
  for (const id of ["vmm", "disk1", "net0"]) {
    const asked = await runBulkhead(["qmp", "test-adopt", id, "query-status"], fixture);
    assert.is(asked.exitCode, 0, asked.stderr);
  }
  assert.ok(await isConfined("test-adopt"));
  const following = startBulkhead(["attach", "test-adopt"], fixture);
  await new Promise((resolve) => setTimeout(resolve, 500));
  process.kill(await pidOf("test-adopt", "net0"), "SIGKILL");
  const ended = await following.finished;
  assert.is(ended.exitCode, 4, ended.stderr);
  assert.match(ended.stderr, /process "net0" died/);
});

test("an orphan that was taken over: a call that a filter refuses is an intrusion, as in a VM of one's own", async () => {
  await detach("test-intruded");
  await orphan(fixture, "test-intruded");
  assert.is((await runBulkhead(["attach", "--no-follow", "test-intruded"], fixture)).exitCode, 0);
  const following = startBulkhead(["attach", "test-intruded"], fixture);
  await new Promise((resolve) => setTimeout(resolve, 500));
  provoker.call(await pidOf("test-intruded", "disk0"), PTRACE_CALL);
  const ended = await following.finished;
  assert.is(ended.exitCode, 5, ended.stderr);
  assert.match(ended.stderr, 'process "disk0" died of SIGSYS: its seccomp filter refused ptrace');
});

test("an orphan that was intruded upon while nobody supervised it: attach finds that out too", async () => {
  await detach("test-unseen");
  await orphan(fixture, "test-unseen");
  const pid = await pidOf("test-unseen", "disk0");
  provoker.call(pid, PTRACE_CALL);
  await waitUntil(() => !isRunning(pid), "the device's end");
  await runBulkhead(["attach", "--no-follow", "test-unseen"], fixture);
  await waitUntil(() => eventsOf(fixture, "test-unseen", "end").length === 1, "the VM's end");
  assert.equal(
    eventsOf(fixture, "test-unseen", "end").map(({ reason, exitCode }) => [reason, exitCode]),
    [["intrusion", 5]],
  );
  await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
});

test("an orphan whose device died meanwhile: attach finds that out and ends it as its VM file says", async () => {
  await detach("test-late");
  await orphan(fixture, "test-late");
  const pid = await pidOf("test-late", "disk0");
  process.kill(pid, "SIGKILL");
  await waitUntil(() => !isRunning(pid), "the device's end");
  await runBulkhead(["attach", "--no-follow", "test-late"], fixture);
  await waitUntil(async () => (await findListed(fixture, "test-late")) === undefined, "the VM's end");
  await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
});

test("an orphan that is stopped: whoever stops it is confined while the guest may take its time, and tells of an intrusion", async () => {
  await detach("test-halt", (text) => text.replace("shutdownGraceMs: 200", "shutdownGraceMs: 30000"));
  await orphan(fixture, "test-halt");
  const stopping = startBulkhead(["stop", "test-halt"], fixture);
  await waitUntil(() => eventsOf(fixture, "test-halt", "stop").length === 1, "the request to shut down");
  assert.is(supervisorOf(fixture, "test-halt"), stopping.child.pid);
  assert.ok(await isConfined("test-halt"));
  provoker.call(await pidOf("test-halt", "disk1"), PTRACE_CALL);
  const stopped = await stopping.finished;
  assert.is(stopped.exitCode, 5, stopped.stderr);
  assert.match(stopped.stderr, /refused ptrace\n.*"test-halt" is stopped/);
});

test("an orphan without its keeper cannot be attached; stop says so and ends it by force", async () => {
  await detach("test-kept");
  const record = JSON.parse(readFileSync(`${fixture.directory}/run/vms/test-kept/record.json`, "utf8")) as {
    keeper: { pid: number };
  };
  process.kill(record.keeper.pid, "SIGKILL");
  await orphan(fixture, "test-kept");
  const attached = await runBulkhead(["attach", "test-kept"], fixture);
  assert.is(attached.exitCode, 3);
  assert.match(attached.stderr, /Cannot reach the keeper of VM "test-kept"/);
  assert.is((await findListed(fixture, "test-kept"))?.state, "orphaned");
  const stopped = await runBulkhead(["stop", "test-kept"], fixture);
  assert.is(stopped.exitCode, 0, stopped.stderr);
  assert.match(stopped.stderr, "by force");
});

test.run();

const kvm = suite("bulkhead attach to a VM whose guest speaks", {
  needs: ["root", "qemu", "user-namespaces", "kvm"],
  timeoutMs: 60_000,
});
kvm.before(async () => {
  fixture = await makeFixture();
});
kvm.after(() => fixture.remove());
kvm.afterEach(() => assert.equal(fixture.leftovers(), []));

kvm(
  "attach follows console, logs and events of a live VM; Ctrl-C ends the following, not the VM; the last line tells how the VM ended",
  async () => {
    await detach("test-follow", (text) =>
      text.replace("serial: none", "serial: {file: serial.log}").replaceAll("-blank", "").replace("tcg", "kvm"),
    );
    const first = startBulkhead(["attach", "test-follow"], fixture);
    // Firmware takes seconds under KVM here; by now the command follows.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    first.child.kill("SIGINT");
    const left = await first.finished;
    assert.is(left.exitCode, 0, left.stderr);
    assert.match(left.stderr, 'VM "test-follow" runs on');
    const ended = await runBulkhead(["attach", "test-follow"], fixture);
    assert.is(ended.exitCode, 0, ended.stderr);
    assert.match(ended.stdout, "bulkhead-boot: powering off");
    assert.match(ended.stderr, /"event":"cleanup".*\n.*ended: the guest shut down/);
    assert.is(readFileSync(join(fixture.directory, "serial.log"), "utf8"), ended.stdout);
  },
);

kvm.run();
