import type { ChildOperation } from "../kernel/index.js";
import type { NamespaceName, ProcessPlan } from "../plan/index.js";

/**
 * CLONE_NEW*: include/uapi/linux/sched.h. The cgroup namespace is unshared later, when the child is in its group; the network
 * namespace is made beforehand, beside other work.
 */
const CLONE_FLAGS: Readonly<Record<Exclude<NamespaceName, "cgroup" | "net">, bigint>> = {
  mount: 0x0002_0000n,
  uts: 0x0400_0000n,
  ipc: 0x0800_0000n,
  user: 0x1000_0000n,
  pid: 0x2000_0000n,
};

/** RLIMIT_*: include/uapi/asm-generic/resource.h. */
const RESOURCES: Readonly<Record<string, bigint>> = {
  cpu: 0n,
  fsize: 1n,
  data: 2n,
  stack: 3n,
  core: 4n,
  rss: 5n,
  nproc: 6n,
  nofile: 7n,
  memlock: 8n,
  as: 9n,
  locks: 10n,
  sigpending: 11n,
  msgqueue: 12n,
  nice: 13n,
  rtprio: 14n,
  rttime: 15n,
};
const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

/**
 * NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE set, KEEP_CAPS clear, all four locked:
 * include/uapi/linux/securebits.h.
 */
export const SECUREBITS = 0x01n | 0x02n | 0x04n | 0x08n | 0x20n | 0x40n | 0x80n;

/** SECCOMP_FILTER_FLAG_NEW_LISTENER and _WAIT_KILLABLE_RECV: include/uapi/linux/seccomp.h. The second is Linux 5.19; older ones do without. */
const WITH_LISTENER = (1n << 3n) | (1n << 5n);

const NO_FD = -1;

/** include/uapi/asm-generic/errno-base.h */
export const SUCCESS = 0n;
const EPERM = 1n;
export const EACCES = 13n;

/** Fds of the launcher that the operations name, and what it knows of the kernel. */
export interface ChildFds {
  readonly root: number;
  readonly dev: number;
  readonly boot: number | null;
  readonly landlock: number | null;
  /** Serial number of the launcher's session keyring, which no child may have. */
  readonly launcherKeyring: bigint;
  /** The kernel's vm.memfd_noexec here; null where it has none. */
  readonly memfdNoexec: number | null;
  /** Manifest number to the launcher's fd. */
  readonly manifest: ReadonlyMap<number, number>;
}

export function cloneFlags(plan: ProcessPlan): bigint {
  return plan.namespaces.reduce((flags, name) => (name === "cgroup" || name === "net" ? flags : flags | CLONE_FLAGS[name]), 0n);
}

/**
 * What a child does between clone and exec, in order. The order is the argument: what needs privilege comes before its
 * loss, what needs paths before the pivot, and each layer that hides something after whatever still has to see it.
 */
export function childOperations(plan: ProcessPlan, fds: ChildFds, filter: Buffer): ChildOperation[] {
  return [
    { step: "process-group" },
    { step: "session-keyring" },
    // No /proc file tells a process's keyring; the launcher's is known here.
    { step: "expect-own-keyring", number: fds.launcherKeyring },
    { step: "umask", number: BigInt(plan.umask) },
    // While there is a /proc and the uid is still root's.
    ...sealMemory(fds),
    // While there is a /proc. From here on nothing but the last step executes a program.
    ...(plan.selinux === null ? [] : [{ step: "exec-context", path: plan.selinux.context } as const]),
    ...(plan.namespaces.includes("cgroup") ? [{ step: "cgroup-namespace" } as const] : []),
    ...enterRoot(fds),
    { step: "host-name", path: plan.hostName },
    ...placeFds(fds),
    // Before the limits: a child inherits all of the launcher's fds, and the probes of Landlock below open one more, whose
    // number must lie within RLIMIT_NOFILE. The ruleset is close-on-exec.
    { step: "close-other-fds", number: BigInt(Math.max(...fds.manifest.keys())), fd: fds.landlock ?? NO_FD },
    ...setLimits(plan),
    // The group first: after the user id nothing permits it.
    { step: "group-id", number: BigInt(plan.gid) },
    { step: "user-id", number: BigInt(plan.uid) },
    ...givePrivilegesUp(),
    ...restrictPaths(fds),
    { step: "default-signals" },
    // After the user id, which resets it. From here on the child waits for the launcher's answers.
    { step: "end-with-launcher" },
    // Last before exec: from here on only what the policy's start set allows, and what it notifies the launcher answers.
    { step: "seccomp-filter", number: WITH_LISTENER, data: filter },
    { step: "listener-taken" },
    // Not left to exec, which is notified itself: with a copy of its own the child would outwait a launcher that died.
    { step: "close-listener" },
    { step: "exec", path: plan.argv[0] ?? "" },
  ];
}

/** MEMFD_NOEXEC_SCOPE_NOEXEC_SEAL: include/linux/pid_namespace.h. At the next level QEMU's memfd_create() would fail. */
const NOEXEC_SEAL = 1;

/** What the process makes by memfd_create(), guest memory before all, can never become a program. The level only rises. */
function sealMemory({ memfdNoexec }: ChildFds): ChildOperation[] {
  if (memfdNoexec === null) return [];
  return [{ step: "memfd-noexec", number: BigInt(Math.max(memfdNoexec, NOEXEC_SEAL)) }];
}

function enterRoot(fds: ChildFds): ChildOperation[] {
  return [
    // Before any attach: what is mounted here must not reach the host, and pivot_root refuses a shared parent.
    { step: "private-mounts" },
    { step: "attach-mount", fd: fds.root, path: "/" },
    { step: "attach-mount", fd: fds.dev, directoryFd: fds.root, path: "dev" },
    ...(fds.boot === null ? [] : [{ step: "attach-mount", fd: fds.boot, directoryFd: fds.root, path: "boot" } as const]),
    { step: "pivot-root", fd: fds.root },
  ];
}

function placeFds(fds: ChildFds): ChildOperation[] {
  return [...fds.manifest].map(([number, fd]) => ({ step: "place-fd", fd, number: BigInt(number) }));
}

function setLimits(plan: ProcessPlan): ChildOperation[] {
  return Object.entries(plan.limits).map(([name, value]) => {
    const resource = RESOURCES[name];
    if (resource === undefined) throw new Error(`no resource limit is named ${name}`);
    return { step: "resource-limit", number: resource, value: value < 0 ? RLIM_INFINITY : BigInt(value) };
  });
}

function givePrivilegesUp(): ChildOperation[] {
  return [
    // /proc shows securebits nowhere. So one call is made twice, and only they may change its answer; then they are read.
    { step: "expect-ambient", number: SUCCESS },
    { step: "clear-ambient-set" },
    { step: "securebits", number: SECUREBITS },
    { step: "expect-ambient", number: EPERM },
    { step: "expect-securebits", number: SECUREBITS },
    { step: "drop-bounding-set" },
    { step: "drop-capabilities" },
    { step: "no-new-privs" },
  ];
}

function restrictPaths(fds: ChildFds): ChildOperation[] {
  if (fds.landlock === null) return [];
  return [
    // The kernel does not show a Landlock domain either: mode bits allow listing /dev, and only the domain refuses it.
    { step: "expect-open", path: "/dev", number: SUCCESS },
    { step: "landlock", fd: fds.landlock },
    { step: "expect-open", path: "/dev", number: EACCES },
  ];
}
