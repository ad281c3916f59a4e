import { readFileSync, readlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { writeBootImage } from "../support/boot_sectors.js";
import { suite } from "../support/harness.js";
import { findListed, isRunning, orphan, startFollowing, supervisorOf, writeIdleVm } from "../support/idle_vm.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("bulkhead run --detach, attach", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

async function detach(vm: string, change?: (text: string) => string): Promise<void> {
  await writeIdleVm(fixture, vm, change);
  const started = await runBulkhead(["run", "--detach", `${vm}.yaml`], fixture);
  assert.is(started.exitCode, 0, started.stderr);
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
  process.kill(before?.processes.find(({ id }) => id === "net0")?.pid ?? 0, "SIGKILL");
  const ended = await following.finished;
  assert.is(ended.exitCode, 4, ended.stderr);
  assert.match(ended.stderr, /process "net0" died/);
});

test("an orphan whose device died meanwhile: attach finds that out and ends it as its VM file says", async () => {
  await detach(vmName("test-late"));
  await orphan(fixture, vmName("test-late"));
  const listed = await findListed(fixture, vmName("test-late"));
  const pid = listed?.processes.find(({ id }) => id === "disk0")?.pid ?? 0;
  process.kill(pid, "SIGKILL");
  await waitUntil(() => !isRunning(pid), "the device's end");
  await runBulkhead(["attach", "--no-follow", vmName("test-late")], fixture);
  await waitUntil(async () => (await findListed(fixture, vmName("test-late"))) === undefined, "the VM's end");
  await waitUntil(() => fixture.leftovers().length === 0, "the end of the cleanup");
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
