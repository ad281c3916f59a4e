import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { auditWith, evidenceOf, idsOf, type PrintedAudit } from "../support/audit/audit_command.js";
import { suite } from "../support/harness.js";
import { findListed, writeIdleVm } from "../support/idle_vm.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { linksOfFds, namespaceOf, statusOfThreads } from "../support/proc_reading.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";

/** A VM with three devices starts in 2 s on an idle machine; six audits take 0.5 s each. */
const test = suite("audits of a bare QEMU, a libvirt-style one, a bubblewrap sandbox and our own VM", {
  needs: ["root", "qemu-tcg", "bubblewrap", "user-namespaces"],
  timeoutMs: 90_000,
});

const PEERS = ["bare", "libvirt", "bubblewrap"] as const;
type Peer = (typeof PEERS)[number];

let fixture: MachineFixture;
let vm: string;
const children: ChildProcess[] = [];
const pids = new Map<Peer, number>();
const audits = new Map<Peer, PrintedAudit>();
let ours: PrintedAudit;

/** What every one of the QEMUs is given, as libvirt 9 writes it for a guest with one disk and one card; `sandbox`: its seccomp. */
function qemuArguments(peer: Peer, sandbox: boolean): string[] {
  // One each: QEMU locks what it writes.
  const disk = join(fixture.directory, `${peer}.img`);
  writeFileSync(disk, Buffer.alloc(1024 * 1024));
  return [
    ...["-name", "guest=peer,debug-threads=on", "-S", "-no-user-config", "-nodefaults", "-display", "none"],
    ...["-machine", "pc,accel=tcg,usb=off,dump-guest-core=off", "-m", "size=65536k", "-overcommit", "mem-lock=off"],
    ...["-smp", "1,sockets=1,cores=1,threads=1", "-rtc", "base=utc", "-no-shutdown", "-boot", "strict=on"],
    ...["-blockdev", `{"driver":"file","filename":"${disk}","node-name":"libvirt-1-storage"}`],
    ...["-blockdev", '{"node-name":"libvirt-1-format","driver":"raw","file":"libvirt-1-storage"}'],
    ...["-device", "lsi53c895a,id=scsi0", "-device", "scsi-hd,bus=scsi0.0,drive=libvirt-1-format,id=disk0"],
    ...["-device", "e1000,id=net0", "-msg", "timestamp=on"],
    ...(sandbox ? ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"] : []),
  ];
}

function start(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = { PATH: process.env["PATH"] }): number {
  const child = spawn(command, args, { stdio: "ignore", env: environment });
  children.push(child);
  if (child.pid === undefined) throw new Error(`${command} did not start`);
  return child.pid;
}

const isQemu = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("qemu");

test.before(async () => {
  fixture = await makeFixture();
  vm = vmName("audit-own");
  pids.set(
    "bare",
    start("qemu-system-x86_64", qemuArguments("bare", false), { PATH: process.env["PATH"], LAB_TOKEN: "not-to-be-printed" }),
  );
  pids.set("libvirt", start("qemu-system-x86_64", qemuArguments("libvirt", true)));
  const bwrap = start("bwrap", [
    "--unshare-all",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/lib64",
    "/lib64",
    "--symlink",
    "usr/lib",
    "/lib",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--die-with-parent",
    "sleep",
    "600",
  ]);
  await waitUntil(() => findChild(bwrap, "sleep") !== null, "the sandboxed program");
  pids.set("bubblewrap", findChild(bwrap, "sleep") as number);
  await waitUntil(
    () => (["bare", "libvirt"] as const).every((peer) => isQemu(pids.get(peer) as number) && threadsOf(peer) > 1),
    "the QEMUs",
  );
  await writeIdleVm(fixture, vm);
  const ran = await runBulkhead(["run", "--detach", `${vm}.yaml`], fixture);
  assert.is(ran.exitCode, 0, ran.stderr);
  for (const peer of PEERS) audits.set(peer, await auditWith(["--pid", String(pids.get(peer))], fixture));
  ours = await auditWith([vm], fixture);
});

test.after(async () => {
  await runBulkhead(["stop", vm], fixture);
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  for (const child of running) child.kill("SIGKILL");
  await Promise.all(running.map((child) => once(child, "close")));
  await fixture.remove();
});

const threadsOf = (peer: Peer): number => readdirSync(`/proc/${pids.get(peer)}/task`).length;

/** A process of this name below another, by this test's own reading. */
function findChild(parent: number, name: string): number | null {
  const [child] = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8")
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
  if (child === undefined) return null;
  return readFileSync(`/proc/${child}/comm`, "utf8").trim() === name ? child : findChild(child, name);
}

const auditOf = (peer: Peer): PrintedAudit => audits.get(peer) as PrintedAudit;

for (const peer of PEERS) {
  test(`${peer}: what is said of its threads is what /proc says`, () => {
    const pid = pids.get(peer) as number;
    const found = idsOf(auditOf(peer));
    assert.is(found.has("process-no-filter"), statusOfThreads(pid, "Seccomp").includes("0"));
    assert.is(found.has("process-no-new-privs"), statusOfThreads(pid, "NoNewPrivs").includes("0"));
    const uids = statusOfThreads(pid, "Uid").flatMap((line) => line.split("\t"));
    assert.is(found.has("process-root-user"), uids.includes("0"));
    const sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].flatMap((set) => statusOfThreads(pid, set));
    assert.is(
      found.has("process-capabilities"),
      sets.some((bits) => !/^0+$/.test(bits)),
    );
    const counts = new Set(statusOfThreads(pid, "Seccomp_filters"));
    assert.is(found.has("process-uneven-filters"), counts.size > 1);
  });

  test(`${peer}: the namespaces that it shares are those with equal links`, () => {
    const pid = pids.get(peer) as number;
    const kinds = { user: "user", mount: "mnt", pid: "pid", net: "net", ipc: "ipc", uts: "uts", cgroup: "cgroup" };
    const shared = Object.entries(kinds).filter(([, file]) => namespaceOf(pid, file) === namespaceOf("self", file));
    const told = evidenceOf(auditOf(peer), "process-shared-namespaces").join(" ");
    for (const [kind, file] of Object.entries(kinds)) {
      assert.is(
        told.includes(`${kind} (${namespaceOf(pid, file)})`),
        shared.some(([name]) => name === kind),
        `${kind}: ${told}`,
      );
    }
  });

  test(`${peer}: writable code, terminal and program are as /proc has them`, () => {
    const pid = pids.get(peer) as number;
    const found = idsOf(auditOf(peer));
    const writable = /^\S+ .wx/m.test(readFileSync(`/proc/${pid}/maps`, "latin1"));
    assert.is(found.has("process-writable-code"), writable);
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    assert.is(found.has("process-terminal"), stat.slice(stat.lastIndexOf(")") + 2).split(" ")[4] !== "0");
    assert.is(found.has("process-unexpected-program"), (statSync(`/proc/${pid}/exe`).mode & 0o022) !== 0);
    const directories = [...linksOfFds(pid).keys()].filter((fd) => isDirectory(pid, fd));
    assert.is(found.has("process-directory-fd"), directories.length > 0);
  });
}

function isDirectory(pid: number, fd: number): boolean {
  return statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

test("a secret of the environment is named, and its value is nowhere", async () => {
  const told = await runBulkhead(["audit", "--pid", String(pids.get("bare")), "--details"], fixture);
  assert.match(told.stdout, /LAB_TOKEN/);
  assert.not.match(told.stdout + told.stderr, /not-to-be-printed/);
  assert.not.ok(idsOf(auditOf("libvirt")).has("process-environment-secrets"));
});

test("our own VM has no finding of high or above, and is exposed least; the bare QEMU most", async () => {
  const grave = ours.findings.filter(({ severity }) => severity === "high" || severity === "critical");
  assert.equal(grave, []);
  const figure = (audit: PrintedAudit): number => {
    assert.is.not(audit.exposure, null);
    return audit.exposure as number;
  };
  for (const peer of PEERS) {
    assert.ok(figure(ours) < figure(auditOf(peer)), `ours ${ours.exposure}, ${peer} ${auditOf(peer).exposure}`);
    assert.ok(
      auditOf(peer).findings.some(({ severity }) => severity === "high"),
      peer,
    );
  }
  assert.ok(figure(auditOf("libvirt")) < figure(auditOf("bare")));
  assert.ok(figure(auditOf("bubblewrap")) < figure(auditOf("bare")));
});

test("our own VM: what is said of its processes is what /proc says", async () => {
  const listed = await findListed(fixture, vm);
  assert.ok(listed !== undefined && listed.processes.length === 4);
  for (const { id, pid } of listed.processes) {
    const own = ours.findings
      .filter(({ subject }) => subject.startsWith(`${id} of ${vm}, process ${pid}`))
      .map((finding) => finding.id);
    assert.equal(new Set(statusOfThreads(pid, "Seccomp")), new Set(["2"]));
    assert.equal(new Set(statusOfThreads(pid, "CapBnd")), new Set(["0000000000000000"]));
    for (const id of [
      "process-no-filter",
      "process-capabilities",
      "process-root-user",
      "process-no-new-privs",
      "process-shared-namespaces",
    ])
      assert.not.ok(own.includes(id), id);
    assert.is(own.includes("process-writable-code"), /^\S+ .wx/m.test(readFileSync(`/proc/${pid}/maps`, "latin1")));
  }
});

test("--no-ptrace: what the filters are is unknown, never fine", async () => {
  const audit = await auditWith(["--pid", String(pids.get("libvirt")), "--no-ptrace"], fixture);
  assert.ok(audit.unknown.some(({ why }) => why.includes("--no-ptrace")));
  assert.ok((audit.exposure ?? 0) >= (auditOf("libvirt").exposure ?? 0));
});

test("a process that is not there, and a kernel thread, are told as such", async () => {
  const gone = await runBulkhead(["audit", "--pid", "4194303"], fixture);
  assert.equal([gone.exitCode, gone.stdout], [3, ""]);
  assert.match(gone.stderr, /there is no such process/);
  // kthreadd, where this /proc shows it: PID 2 of the initial pid namespace.
  if (
    statSync("/proc/2/exe", { throwIfNoEntry: false }) === undefined &&
    /^Kthread:\t1$/m.test(readFileSync("/proc/2/status", "utf8"))
  ) {
    const thread = await auditWith(["--pid", "2"], fixture);
    assert.not.ok(idsOf(thread).has("process-unexpected-program"));
  }
});

test.run();
