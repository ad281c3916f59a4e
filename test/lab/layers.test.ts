// Runs inside the lab with the core-scheduling kernel, by test/lab_guests/layers.test.ts.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { LAYERS, launch, type RunningMachine } from "../../src/index.js";
import { loadRolePolicy } from "../../src/policy/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { repositoryRoot } from "../support/repository.js";
import { runBulkhead } from "../support/run_command.js";
import { readCookies } from "./core_cookie.js";
import { DISK_LIMITS, requestOn, vmText } from "./lab_vm.js";

const test = suite("every layer in the lab", {
  needs: ["root", "kvm", "cgroup-v2-controllers", "selinux-enforcing"],
  timeoutMs: 240_000,
});

const NAMES = ["test-first", "test-second"] as const;
/** The memory of the demo VM. */
const GUEST_BYTES = 64 * 1024 * 1024;
const CGROUP = "/sys/fs/cgroup/bulkhead";
const ROLES: Readonly<Record<string, string>> = { disk0: "disk", disk1: "disk", net0: "net", vmm: "vmm" };

/** One for each VM: their disks are named alike. */
const fixtures: MachineFixture[] = [];
const machines: RunningMachine[] = [];

test.before(async () => {
  for (const name of NAMES) {
    const fixture = await makeFixture();
    fixtures.push(fixture);
    machines.push(await launch(await requestOn("10", { fixture, text: vmText(name) })));
  }
});
test.after(async () => {
  for (const machine of machines) machine.kill();
  await Promise.all(machines.map((machine) => machine.ended));
  for (const fixture of fixtures) {
    assert.equal(fixture.leftovers(), []);
    await fixture.remove();
  }
});

const limitsOf = (id: string) => loadRolePolicy({ folder: join(repositoryRoot, "policies"), role: ROLES[id] ?? "" }).limits;
const readLimit = (path: string) => readFileSync(`${CGROUP}/${path}`, "utf8").trim();
const threadsOf = (machine: RunningMachine) =>
  [...machine.pids.values()].flatMap((pid) => readdirSync(`/proc/${pid}/task`).map(Number));

/** Layer by layer, all that is not enforced. */
function shortOf(layers: Readonly<Record<string, { readonly status: string }>>): string[] {
  return LAYERS.filter((layer) => layers[layer]?.status !== "enforced");
}

test("plan --json: every layer of every process is to be enforced", () => {
  for (const { id, layers } of machines[0]?.plan.processes ?? []) assert.equal(shortOf(layers), [], id);
});

test("inspect --json: the kernel shows every layer enforced, and no difference from the plan", async () => {
  for (const [index, fixture] of fixtures.entries()) {
    const { exitCode, stdout, stderr } = await runBulkhead(["inspect", NAMES[index] ?? "", "--json"], fixture);
    const { processes, differences } = JSON.parse(stdout);
    assert.equal(differences, [], JSON.stringify(differences));
    assert.is(exitCode, 0, stderr);
    assert.is(processes.length, 4);
    for (const { id, layers } of processes) assert.equal(shortOf(layers), [], id);
  }
});

test("cgroup: each process is in its own leaf, whose limits are those of its role", () => {
  for (const name of NAMES) {
    for (const [id, pid] of machines[NAMES.indexOf(name)]?.pids ?? []) {
      const limits = limitsOf(id);
      assert.is(readFileSync(`/proc/${pid}/cgroup`, "utf8"), `0::/bulkhead/${name}/${id}\n`);
      assert.is(readLimit(`${name}/${id}/memory.max`), String(GUEST_BYTES + limits.overheadBytes));
      assert.is(readLimit(`${name}/${id}/memory.swap.max`), "0");
      assert.is(readLimit(`${name}/${id}/pids.max`), String(limits.threadsMax));
      // One CPU; the VMM has its main loop beside the one of the guest.
      assert.is(readLimit(`${name}/${id}/cpu.max`), id === "vmm" ? "200000 100000" : "100000 100000");
    }
  }
});

test("cgroup: io.max of the disk with limits names its block device and the four limits; the others have none", () => {
  const { readBytesPerSecond, writeOperationsPerSecond } = DISK_LIMITS;
  assert.match(
    readLimit("test-first/disk1/io.max"),
    new RegExp(`^\\d+:\\d+ rbps=${readBytesPerSecond} wbps=max riops=max wiops=${writeOperationsPerSecond}$`),
  );
  for (const id of ["disk0", "net0", "vmm"]) assert.is(readLimit(`test-first/${id}/io.max`), "");
});

test("cgroup: the VM's group holds guest RAM once and what each process may use beside it", () => {
  const all = Object.keys(ROLES).map(limitsOf);
  const sum = (read: (limits: (typeof all)[number]) => number) => all.reduce((total, limits) => total + read(limits), 0);
  for (const name of NAMES) {
    assert.is(readLimit(`${name}/memory.max`), String(GUEST_BYTES + sum((limits) => limits.overheadBytes)));
    assert.is(readLimit(`${name}/memory.swap.max`), "0");
    assert.is(readLimit(`${name}/pids.max`), String(sum((limits) => limits.threadsMax)));
    assert.is(readLimit(`${name}/cgroup.procs`), "");
  }
});

test("core scheduling: all threads of a VM have one cookie, another VM another, the launcher none", () => {
  const cookies = machines.map((machine) => new Set(readCookies(threadsOf(machine))));
  for (const own of cookies) assert.is(own.size, 1, [...own].join(" "));
  const [first, second] = cookies.map((own) => [...own][0]);
  assert.is.not(first, "0");
  assert.is.not(second, "0");
  assert.is.not(first, second);
  assert.equal(readCookies([process.pid]), ["0"]);
});

test.run();
