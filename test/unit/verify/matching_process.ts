import { mkdirSync, writeFileSync } from "node:fs";
import type { ObservedFd, ObservedProcess, ObservedThread } from "../../../src/observe/index.js";
import type { FdPlan, ProcessPlan } from "../../../src/plan/index.js";
import type { HeldFd } from "../../../src/verify/index.js";
import { planOfProcess } from "../sandbox/process_plan.js";

const NO_CAPABILITIES = "0".repeat(16);

/** The plan of `disk0`, with a cgroup that is really there: plain files below `base` stand for the kernel's. */
export function planBelow(base: string): ProcessPlan {
  const plan = planOfProcess("disk0");
  if (plan.cgroup === null) throw new Error("the fixture's host has cgroups");
  const cgroup = { ...plan.cgroup, path: `${base}/bulkhead/web1/disk0` };
  mkdirSync(cgroup.path, { recursive: true });
  for (const [name, content] of Object.entries(cgroup.files)) writeFileSync(`${cgroup.path}/${name}`, `${content}\n`);
  return { ...plan, cgroup };
}

/** What the launcher gave: standard output and error are one pipe, all else is an object of its own. */
/** The session that the planned process was started in. */
export const SESSION = 4711;

export function heldOf(plan: ProcessPlan): HeldFd[] {
  return plan.fds.map((fd) => ({ plan: fd, fd: null, inode: inodeOf(fd) }));
}

function inodeOf(fd: FdPlan): string {
  return fd.purpose === "log" ? "9:1" : `9:${fd.fd + 100}`;
}

/** A process that is exactly what its plan says, with two threads and some fds of its own. `pid` must be alive: /dev is read from it. */
export function matchingProcess(plan: ProcessPlan, pid: number): ObservedProcess {
  const given = plan.fds.map(
    (fd): ObservedFd => ({ fd: fd.fd, link: fd.kind, kind: fd.kind, access: fd.access, inode: inodeOf(fd) }),
  );
  const own = ["eventfd", "eventfd", "signalfd"].map((kind, index): ObservedFd => {
    return { fd: 10 + index, link: `anon_inode:[${kind}]`, kind, access: "rw", inode: `9:${index + 200}` };
  });
  const names = ["user", "mount", "pid", "net", "ipc", "uts", "cgroup"] as const;
  return {
    pid,
    command: "qemu-system-x86",
    threads: [threadOf(plan, pid), threadOf(plan, pid + 1)],
    namespaces: Object.fromEntries(names.map((name) => [name, `${name}:[disk0]`])) as ObservedProcess["namespaces"],
    fds: [...given, ...own],
    mounts: [
      {
        target: "/",
        root: plan.root[0]?.source ?? "",
        type: "ext4",
        options: ["nodev", "nosuid", "relatime", "ro"],
        superOptions: [],
      },
      { target: "/dev", root: "/", type: "tmpfs", options: ["noexec", "nosuid", "relatime", "ro"], superOptions: [] },
    ],
    limits: Object.fromEntries(Object.entries(plan.limits).map(([name, value]) => [name, { soft: value, hard: value }])),
    cgroup: "/bulkhead/web1/disk0",
    cwd: "/",
    processGroup: pid,
    session: SESSION,
    terminal: 0,
    dumpable: false,
    coreCookie: 7n,
  };
}

function threadOf(plan: ProcessPlan, tid: number): ObservedThread {
  const sets = ["inheritable", "permitted", "effective", "bounding", "ambient"] as const;
  return {
    tid,
    uids: new Array<number>(4).fill(plan.uid),
    gids: new Array<number>(4).fill(plan.gid),
    groups: [],
    umask: "0077",
    tracer: 0,
    noNewPrivs: true,
    seccompMode: 2,
    seccompFilters: 1,
    apart: [],
    selinuxContext: plan.selinux?.context ?? null,
    capabilities: Object.fromEntries(sets.map((set) => [set, NO_CAPABILITIES])) as unknown as ObservedThread["capabilities"],
  };
}
