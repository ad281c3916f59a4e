import type { HostFacts } from "../host/index.js";
import type { ResolvedPolicy } from "../policy/index.js";
import type { DeviceSpec, VmSpec } from "../spec/index.js";
import type { LimitsPlan, ProcessCgroupPlan, ProcessPlan, VmCgroupPlan } from "./launch_plan.js";
import type { ImageFacts } from "./plan_inputs.js";

const UNLIMITED = -1;
/** The main thread's stack; glibc's threads take their default size from it too. Linux's own default. */
const STACK_BYTES = 8 * 1024 * 1024;
/** Queued signals per uid: QEMU's own threads queue a handful of SIG_IPI and timer signals. */
const PENDING_SIGNALS_MAX = 256;
/** cpu.max period in us, the kernel's default: Documentation/admin-guide/cgroup-v2.rst. */
const CPU_PERIOD_US = 100_000;

/**
 * Every resource that getrlimit(2) names, so that none is left to chance. Each is set hard = soft. `fileBytesMax`: to where the
 * process may write in a regular file; the memfd of guest memory, which the VMM sizes, counts as one.
 */
export function planLimits(policy: ResolvedPolicy, fileBytesMax: number): LimitsPlan {
  return {
    as: UNLIMITED,
    // 1, not 0: a pipe in core_pattern ignores 0, and 1 byte stops both (core(5)).
    core: 1,
    cpu: UNLIMITED,
    data: UNLIMITED,
    fsize: fileBytesMax,
    locks: UNLIMITED,
    memlock: policy.limits.lockedBytesMax,
    msgqueue: 0,
    nice: 0,
    nofile: policy.limits.openFilesMax,
    nproc: policy.limits.threadsMax,
    rss: UNLIMITED,
    rtprio: 0,
    rttime: UNLIMITED,
    sigpending: PENDING_SIGNALS_MAX,
    stack: STACK_BYTES,
  };
}

interface CgroupInputs {
  readonly spec: VmSpec;
  readonly facts: HostFacts;
}

/** Root of all our groups below the v2 mount. */
export const CGROUP_DIRECTORY = "bulkhead";

function vmPath(inputs: CgroupInputs): string | null {
  const { cgroup } = inputs.facts;
  return cgroup.kind === "none" ? null : `${cgroup.mount}/${CGROUP_DIRECTORY}/${inputs.spec.name}`;
}

/** Interface files need their controller; those without it are left out, and the `cgroup` layer says `partial`. */
function keepLent(inputs: CgroupInputs, files: Record<string, string>): Record<string, string> {
  const { cgroup } = inputs.facts;
  const lent = cgroup.kind === "none" ? [] : cgroup.controllers;
  return Object.fromEntries(
    Object.entries(files).filter(([name]) => lent.some((controller) => name.startsWith(`${controller}.`))),
  );
}

/** Limits of the whole VM: guest RAM once, plus what each process may use beside it. */
export function planVmCgroup(inputs: CgroupInputs, policies: readonly ResolvedPolicy[]): VmCgroupPlan | null {
  const path = vmPath(inputs);
  if (path === null || inputs.facts.cgroup.kind === "none") return null;
  const overhead = policies.reduce((sum, policy) => sum + policy.limits.overheadBytes, 0);
  const threads = policies.reduce((sum, policy) => sum + policy.limits.threadsMax, 0);
  const files = keepLent(inputs, {
    "memory.max": String(inputs.spec.machine.memoryBytes + overhead),
    "memory.swap.max": "0",
    "pids.max": String(threads),
  });
  return { path, controllers: inputs.facts.cgroup.controllers, files };
}

/** The same for a VM whose processes have changed: what they may use is in their own plans. */
export function sumVmCgroup(vm: VmCgroupPlan, memoryBytes: number, processes: readonly ProcessPlan[]): VmCgroupPlan {
  const limits = (name: string): number[] => processes.map(({ cgroup }) => Number(cgroup?.files[name]));
  const sums: Readonly<Record<string, number>> = {
    "memory.max": limits("memory.max").reduce((sum, limit) => sum + limit - memoryBytes, memoryBytes),
    "pids.max": limits("pids.max").reduce((sum, limit) => sum + limit, 0),
  };
  const files = Object.entries(vm.files).map(([name, limit]) => [name, String(sums[name] ?? limit)] as const);
  return { ...vm, files: Object.fromEntries(files) };
}

/**
 * Limits of one process. Guest RAM counts in full for each: the first process that touches a page of the memfd is charged
 * for it, and a device that reads a disk into fresh guest RAM is that process.
 */
export function planProcessCgroup(
  inputs: CgroupInputs,
  process: { readonly id: string; readonly policy: ResolvedPolicy; readonly cpus: number; readonly io: string | null },
): ProcessCgroupPlan | null {
  const vm = vmPath(inputs);
  if (vm === null) return null;
  const files = keepLent(inputs, {
    "memory.max": String(inputs.spec.machine.memoryBytes + process.policy.limits.overheadBytes),
    "memory.swap.max": "0",
    "pids.max": String(process.policy.limits.threadsMax),
    "cpu.max": `${process.cpus * CPU_PERIOD_US} ${CPU_PERIOD_US}`,
    ...(process.io === null ? {} : { "io.max": process.io }),
  });
  return { path: `${vm}/${process.id}`, files };
}

/**
 * The line of io.max for a device's `limits`, by which the kernel holds a process that was taken over too; null where none are
 * asked, and where the image's file system has no block device of its own (tmpfs, overlay, network). QEMU's own throttle
 * holds the guest in either case.
 */
export function planIoLimit(device: DeviceSpec, image: ImageFacts | undefined): string | null {
  const { limits } = device;
  const words = [
    ["rbps", limits.readBytesPerSecond],
    ["wbps", limits.writeBytesPerSecond],
    ["riops", limits.readOperationsPerSecond],
    ["wiops", limits.writeOperationsPerSecond],
  ].flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  if (words.length === 0 || image === undefined || image.blockDevice === null) return null;
  return `${image.blockDevice} ${words.join(" ")}`;
}
