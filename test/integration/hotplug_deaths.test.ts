import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { isRunning, orphan, startFollowing, supervisorOf } from "../support/idle_vm.js";
import { vmName } from "../support/machine_fixture.js";
import { FIRST, PluggableVm } from "../support/pluggable_vm.js";
import { linksOfFds } from "../support/proc_reading.js";
import { type RunningCommand, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("hot-plug and processes that die", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
const VM = vmName("test-plug-deaths");
let plugged: PluggableVm;

test.before(async () => {
  plugged = await PluggableVm.start(VM);
  const added = await plugged.device("add", "disk7.yaml");
  assert.is(added.exitCode, 0, added.stderr);
});
test.after(() => plugged.end());

/** Starts to add a device and kills a process once the device's own has its group. */
async function killWhileAdding(file: string, id: string, victim: (command: RunningCommand) => number): Promise<void> {
  const adding = startBulkhead(["device", "add", VM, file], plugged.fixture);
  while (!existsSync(plugged.groupOf(id))) await new Promise((resolve) => setImmediate(resolve));
  process.kill(victim(adding), "SIGKILL");
  await adding.finished;
}

test("add: the command killed while it starts the process: the supervisor undoes it, and the next one succeeds", async () => {
  await killWhileAdding("net7.yaml", "net7", (command) => command.child.pid as number);
  await waitUntil(() => !existsSync(plugged.groupOf("net7")), "the end of what was begun");
  await waitUntil(() => plugged.knownRun().record.uids.length === FIRST.length + 1, "the uid's return");
  plugged.assertWhole("disk7");
  assert.is((await plugged.device("add", "net7.yaml")).exitCode, 0);
  assert.is((await plugged.device("remove", "net7")).exitCode, 0);
});

test("add: the supervisor killed meanwhile: who takes the VM over ends what was begun", async () => {
  const supervisor = supervisorOf(plugged.fixture, VM);
  await killWhileAdding("net7.yaml", "net7", () => supervisor);
  await waitUntil(() => !isRunning(supervisor), "the supervisor's end");
  await plugged.attach();
  plugged.assertWhole("disk7");
});

test("add: a serial port, whose log is made, claimed, held beyond a removal by nobody, and found again by whoever takes over", async () => {
  mkdirSync(join(plugged.fixture.directory, "ports"));
  writeFileSync(
    join(plugged.fixture.directory, "ports/com7.yaml"),
    "{id: com7, role: serial, model: pci-serial, serial: {file: com7.log}}\n",
  );
  const log = join(plugged.fixture.directory, "ports/com7.log");
  const isWritten = () => [...linksOfFds(supervisorOf(plugged.fixture, VM)).values()].includes(log);
  const added = await plugged.device("add", "ports/com7.yaml");
  assert.is(added.exitCode, 0, added.stderr);
  plugged.assertWhole("disk7", "com7");
  assert.ok(isWritten());
  await orphan(plugged.fixture, VM);
  const claim = spawnSync("flock", ["--nonblock", log, "true"]);
  assert.is(claim.status, 1, "the claim outlives the supervisor");
  await plugged.attach();
  plugged.assertWhole("disk7", "com7");
  assert.ok(isWritten());
  assert.is((await plugged.device("remove", "com7")).exitCode, 0);
  assert.not.ok(isWritten());
  const again = await plugged.device("add", "ports/com7.yaml");
  assert.is(again.exitCode, 0, again.stderr);
  assert.is((await plugged.device("remove", "com7")).exitCode, 0);
});

test("the supervisor killed: attach finds the added device, which can be removed and added again; its death ends the VM", async () => {
  await orphan(plugged.fixture, VM);
  await plugged.attach();
  plugged.assertWhole("disk7");
  const removed = await plugged.device("remove", "disk7");
  assert.is(removed.exitCode, 0, removed.stderr);
  const added = await plugged.device("add", "disk7.yaml");
  assert.is(added.exitCode, 0, added.stderr);
  plugged.assertWhole("disk7");
  const following = await startFollowing(plugged.fixture, VM);
  process.kill(plugged.pidOf("disk7"), "SIGKILL");
  const ended = await following.finished;
  assert.is(ended.exitCode, 4, ended.stderr);
  // It was no child of the supervisor's: an older kernel tells nobody but pid 1 what killed it.
  assert.match(ended.stderr, /process "disk7" died of (SIGKILL|an end that only its parent knows)/);
});

test.run();
