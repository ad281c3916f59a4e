import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { launch, type RunningMachine } from "../../src/index.js";
import { addon } from "../../src/kernel/index.js";
import { auditWith, type PrintedAudit } from "../support/audit/audit_command.js";
import { suite } from "../support/harness.js";
import { cgroupMount, demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { linksOfFds, socketPeers, socketsOf } from "../support/proc_reading.js";
import { waitUntil } from "../support/run_command.js";

/** A launch takes 2 s on an idle machine, an audit 0.5. */
const test = suite("drift of a running VM", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });

let fixture: MachineFixture;
let machine: RunningMachine;
const children: ChildProcess[] = [];

test.before(async () => {
  fixture = await makeFixture();
  machine = await launch(await fixture.request(demoVmText({ name: vmName("audit-drift"), disks: "blank" })));
});
test.after(async () => {
  for (const child of children) child.kill("SIGKILL");
  machine.kill();
  await machine.ended;
  await fixture.remove();
});

const pidOf = (id: string): number => machine.pids.get(id) as number;
const audit = (): Promise<PrintedAudit> => auditWith([machine.plan.vm], fixture);
const ofVm = ({ findings }: PrintedAudit): string[] => findings.filter(({ id }) => id.startsWith("vm-")).map(({ id }) => id);

/** This process is the launcher: its end of the monitor of a device. */
function monitorOf(pid: number): number {
  const peers = socketPeers();
  const theirs = socketsOf(pid);
  const own = [...linksOfFds(process.pid)].find(([, link]) => {
    const inode = Number(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? 0);
    return theirs.has(peers.get(inode) ?? -1);
  });
  if (own === undefined) throw new Error(`no socket of process ${pid} leads here`);
  return own[0];
}

test("a VM that is what its plan says has no finding of drift, and its fd graph is as declared", async () => {
  const found = await audit();
  assert.equal(ofVm(found), [], JSON.stringify(found.findings.filter(({ id }) => id.startsWith("vm-"))));
  assert.not.ok(
    found.unknown.some(({ id }) => id?.startsWith("vm-") ?? false),
    JSON.stringify(found.unknown),
  );
});

test("an fd that a device received is drift; that it is another's image is against the topology", async () => {
  const image = openSync(join(fixture.directory, "disk0-blank.img"), "r");
  const disk1 = pidOf("disk1");
  try {
    addon.sendFd({ socketFd: monitorOf(disk1), data: '{"execute":"getfd","arguments":{"fdname":"drift"}}\n', fd: image });
  } finally {
    closeSync(image);
  }
  await waitUntil(() => [...linksOfFds(disk1).values()].some((link) => link.endsWith("disk0-blank.img")), "the fd's arrival");
  const { findings } = await audit();
  const drift = findings.find(({ id }) => id === "vm-drift-fds");
  assert.match(drift?.subject ?? "", new RegExp(`^disk1 of .*process ${disk1}`));
  assert.match(drift?.evidence ?? "", /disk0-blank\.img/);
  const topology = findings.find(({ id }) => id === "vm-fd-topology");
  assert.match(topology?.subject ?? "", /: disk1$/);
  assert.match(topology?.evidence ?? "", /^image of disk0 .*disk0-blank\.img is held by .*disk1 \(fd \d+\)/);
});

test("a process that was moved out of its group, and so out of its limits, is drift", async () => {
  const pid = String(pidOf("net0"));
  const mount = cgroupMount() ?? "";
  const own = readFileSync(`/proc/${pid}/cgroup`, "utf8").match(/^0::(.*)$/m)?.[1] ?? "";
  writeFileSync(`${mount}/cgroup.procs`, pid);
  try {
    const found = (await audit()).findings.filter(({ id }) => id === "vm-drift-limits");
    assert.equal(
      found.map(({ subject }) => subject.split(" ")[0]),
      ["net0"],
    );
    assert.match(found[0]?.evidence ?? "", /planned .*net0, observed \/$/);
  } finally {
    writeFileSync(`${mount}${own}/cgroup.procs`, pid);
  }
});

test("a process with capabilities and without a filter in a device's place is drift in one run", async () => {
  const record = join(fixture.directory, "run/vms", machine.plan.vm, "record.json");
  const text = readFileSync(record, "utf8");
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  children.push(child);
  const startTime = readFileSync(`/proc/${child.pid}/stat`, "latin1").split(") ")[1]?.split(" ")[19];
  const processes = (JSON.parse(text) as { processes: { id: string }[] }).processes;
  const changed = processes.map((one) => (one.id === "net0" ? { ...one, pid: child.pid, startTime } : one));
  try {
    writeFileSync(record, JSON.stringify({ ...(JSON.parse(text) as object), processes: changed }));
    const { findings, exitCode } = await audit();
    assert.is(exitCode, 1);
    for (const id of ["vm-drift-filters", "vm-drift-privileges", "vm-drift-isolation"]) {
      const own = findings.filter((finding) => finding.id === id && finding.subject.includes(`process ${child.pid}`));
      assert.ok(own.length > 0, id);
    }
    // The one that it stands for runs on, inside of the VM and on no record.
    assert.ok(
      findings.some(({ evidence }) => evidence.includes(`process ${pidOf("net0")} `)),
      "the stranger",
    );
  } finally {
    writeFileSync(record, text);
    child.kill("SIGKILL");
    await once(child, "close");
  }
});

test("a device that died is told, and nothing crashes", async () => {
  process.kill(pidOf("net0"), "SIGSTOP");
  const [stopped] = await Promise.all([audit()]);
  assert.not.ok(
    stopped.findings.some(({ id }) => id === "vm-drift-isolation"),
    "a stopped process is there",
  );
  process.kill(pidOf("net0"), "SIGCONT");
});

test.run();
