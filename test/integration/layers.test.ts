import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import * as assert from "uvu/assert";
import { type Inspection, launch, type RunningMachine } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { cgroupMount, demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import {
  filesBelow,
  limitOf,
  linksOfFds,
  mountsOf,
  namespaceOf,
  socketPeers,
  socketsOf,
  statusOfThreads,
} from "../support/proc_reading.js";

const test = suite("every layer, by the tests' own reading of /proc", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;
let machine: RunningMachine;
let processes: { id: string; pid: number; uid: number }[];

test.before(async () => {
  fixture = await makeFixture();
  machine = await launch(await fixture.request(demoVmText({ name: vmName("test-layers"), disks: "blank" })));
  processes = machine.plan.processes.map(({ id, uid }) => ({ id, uid, pid: machine.pids.get(id) ?? 0 }));
});
test.after(async () => {
  machine.kill();
  await machine.ended;
  assert.equal(fixture.leftovers(), []);
  await fixture.remove();
});

/** Every value of a field over all threads of all processes must be the same and expected. */
function expectEverywhere(field: string, expected: string): void {
  for (const { id, pid } of processes) {
    for (const value of statusOfThreads(pid, field)) assert.is(value, expected, `${id}: ${field}`);
  }
}

test("four processes run: two disks, a network card, the VMM", () => {
  assert.equal(
    processes.map(({ id }) => id),
    ["disk0", "disk1", "net0", "vmm"],
  );
  for (const { pid } of processes) assert.match(readFileSync(`/proc/${pid}/comm`, "utf8"), "qemu-system-x86");
});

test("seccomp: every thread has exactly one filter", () => {
  expectEverywhere("Seccomp", "2");
  expectEverywhere("Seccomp_filters", "1");
});

test("namespaces: seven of its own for each process, none shared with the host or a sibling", () => {
  for (const name of ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]) {
    const seen = ["self" as const, ...processes.map(({ pid }) => pid)].map((pid) => namespaceOf(pid, name));
    assert.is(new Set(seen).size, seen.length, `${name}: ${seen.join(" ")}`);
  }
});

test("user namespace: one id, setgroups denied, no supplementary groups", () => {
  for (const { pid, uid } of processes) {
    assert.equal(readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/), [String(uid), String(uid), "1"]);
    assert.equal(readFileSync(`/proc/${pid}/gid_map`, "utf8").trim().split(/\s+/), [String(uid), String(uid), "1"]);
    assert.is(readFileSync(`/proc/${pid}/setgroups`, "utf8").trim(), "deny");
  }
  expectEverywhere("Groups", "");
});

test("uid: each process has a uid of its own in all four places", () => {
  assert.is(new Set(processes.map(({ uid }) => uid)).size, processes.length);
  for (const { pid, uid } of processes) {
    for (const value of statusOfThreads(pid, "Uid")) assert.equal(value.split(/\s+/), Array(4).fill(String(uid)));
    for (const value of statusOfThreads(pid, "Gid")) assert.equal(value.split(/\s+/), Array(4).fill(String(uid)));
  }
  expectEverywhere("Umask", "0077");
});

test("capabilities: none in any of the five sets", () => {
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) expectEverywhere(set, "0".repeat(16));
});

test("no_new_privs: set for every thread", () => expectEverywhere("NoNewPrivs", "1"));

test("session: one for the VM, which is not the launcher's, without a terminal; a process group each", () => {
  const sessions = new Set<string | undefined>();
  for (const { pid } of processes) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    // Fields 5 to 7 of proc_pid_stat(5): process group, session and terminal.
    assert.is(fields[2], String(pid));
    sessions.add(fields[3]);
    assert.is(fields[4], "0");
  }
  assert.is(sessions.size, 1);
  const own = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  assert.not.ok(sessions.has(own[3]));
});

test("root: two mounts, read-only; the program is executable and not readable; no shell, no image", () => {
  for (const { id, pid } of processes) {
    const mounts = mountsOf(pid);
    assert.equal([...mounts.keys()].sort(), ["/", "/dev"]);
    for (const option of ["ro", "nosuid", "nodev"]) assert.ok(mounts.get("/")?.includes(option), `${id}: / ${option}`);
    for (const option of ["ro", "nosuid", "noexec"]) assert.ok(mounts.get("/dev")?.includes(option), `${id}: /dev ${option}`);
    const files = filesBelow(`/proc/${pid}/root`);
    assert.is(files.get("/usr/bin/qemu-system-x86_64"), 0o111);
    const programs = [...files].filter(([, mode]) => (mode & 0o111) !== 0).map(([path]) => path);
    assert.equal(
      programs.filter((path) => !path.includes("ld-linux")),
      ["/usr/bin/qemu-system-x86_64"],
    );
    assert.not.ok([...files.keys()].some((path) => path.endsWith(".img")));
    assert.is(readlinkSync(`/proc/${pid}/cwd`), "/");
  }
});

test("device nodes: owned by the process's own uid, and no others", () => {
  for (const { id, pid, uid } of processes) {
    const planned = machine.plan.processes.find((plan) => plan.id === id)?.nodes ?? [];
    const present = readdirSync(`/proc/${pid}/root/dev`);
    assert.equal(present.sort(), planned.map(({ name }) => name).sort(), id);
    for (const name of present) assert.is(statSync(`/proc/${pid}/root/dev/${name}`).uid, uid, `${id}: ${name}`);
  }
});

test("fds: each device process holds one image or none, and no fd leads to a file of the host", () => {
  for (const { id, pid } of processes) {
    const links = [...linksOfFds(pid).values()];
    const foreign = links.filter((link) => link.startsWith("/") && !link.startsWith("/memfd:") && !link.startsWith("/dev/"));
    const allowed = id.startsWith("disk") ? [`${fixture.directory}/${id}-blank.img`] : [];
    assert.equal([...new Set(foreign)], allowed, id);
  }
});

test("fds: of a device's sockets one has its peer in the VMM, the others in the launcher; no socket is shared by two devices", () => {
  const sockets = processes.map(({ id, pid }) => ({ id, inodes: socketsOf(pid) }));
  const all = sockets.flatMap(({ inodes }) => [...inodes]);
  assert.is(new Set(all).size, all.length);
  const peers = socketPeers();
  const own = socketsOf(process.pid);
  const vmm = sockets.find(({ id }) => id === "vmm")?.inodes ?? new Set();
  for (const { id, inodes } of sockets) {
    if (id === "vmm") continue;
    const held = [...inodes].map((inode) => peers.get(inode) ?? 0);
    assert.is(held.filter((peer) => vmm.has(peer)).length, 1, `${id}: one channel to the VMM`);
    assert.is(held.filter((peer) => own.has(peer)).length, held.length - 1, `${id}: the others lead to the launcher`);
  }
});

test("dumpable: files in /proc/PID belong to root, not to the uid", () => {
  for (const { pid } of processes) assert.is(statSync(`/proc/${pid}/status`).uid, 0);
});

test("rlimits: hard equals soft, core is 1, no message queues", () => {
  for (const { pid } of processes) {
    for (const line of readFileSync(`/proc/${pid}/limits`, "utf8").trim().split("\n").slice(1)) {
      const [soft, hard] = line.slice(25).trim().split(/\s+/);
      assert.is(soft, hard, line);
    }
    assert.equal(limitOf(pid, "Max core file size"), ["1", "1"]);
    assert.equal(limitOf(pid, "Max msgqueue size"), ["0", "0"]);
  }
});

test("cgroup: a leaf of its own below the VM's group", () => {
  if (cgroupMount() === null) throw new Error("this host has no cgroup v2; the layer must say unavailable");
  for (const { id, pid } of processes)
    assert.match(readFileSync(`/proc/${pid}/cgroup`, "utf8"), `0::/bulkhead/${machine.plan.vm}/${id}\n`);
});

test("the launcher holds no end of a channel: every socket it has belongs to a monitor or the console", () => {
  const own = [...linksOfFds(process.pid).values()].filter((link) => link.startsWith("socket:"));
  const theirs = new Set(processes.flatMap(({ pid }) => [...linksOfFds(pid).values()]));
  assert.equal(
    own.filter((link) => theirs.has(link)),
    [],
  );
});

test("what the launch verified says the same: every layer of the plan at its planned status, no difference", () => {
  const { processes: seen, differences }: Inspection = machine.verified;
  assert.equal(differences, []);
  for (const process of seen) {
    const planned = machine.plan.processes.find((plan) => plan.id === process.id)?.layers;
    for (const [layer, report] of Object.entries(process.layers)) {
      assert.is(report.status, planned?.[layer as keyof typeof planned].status, `${process.id} ${layer}`);
    }
  }
});

test.run();
