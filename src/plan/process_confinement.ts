import type { ProcessLabels } from "../selinux/index.js";
import { MONITOR_FD } from "./arguments.js";
import { grantedCalls } from "./granted_calls.js";
import { planLandlock } from "./landlock.js";
import type { FdPlan, NamespaceName, SelinuxPlan } from "./launch_plan.js";
import { planLimits } from "./limits.js";
import type { DevicePlanInputs, Identity, RoleInputs } from "./plan_inputs.js";
import { planNodes, planRoot } from "./root_plan.js";

/** One malloc arena: with several, glibc reads /proc/sys/vm/overcommit_memory when a thread's heap shrinks, and there is no /proc. */
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };
const NAMESPACES: readonly NamespaceName[] = ["user", "mount", "pid", "net", "ipc", "uts", "cgroup"];
/** What a process creates is nobody else's: no bits for group and others. */
const UMASK = 0o077;
/** The same for all, so that no name of the host or of the VM shows. */
const HOST_NAME = "bulkhead";

/** What every process has but judges. */
export const LOGGING_FDS: readonly FdPlan[] = [
  { fd: 0, kind: "null", purpose: "standard input", access: "r", source: { from: "null" } },
  { fd: 1, kind: "pipe", purpose: "log", access: "w", source: { from: "log" } },
  { fd: 2, kind: "pipe", purpose: "log", access: "w", source: { from: "log" } },
];
/** What every QEMU has; fd 3 is how the launcher talks to it. */
export const STANDARD_FDS: readonly FdPlan[] = [
  ...LOGGING_FDS,
  { fd: MONITOR_FD, kind: "unix-stream", purpose: "monitor", access: "rw", source: { from: "monitor" } },
];

/** Throws for a role that was not resolved: a defect of the caller. */
export function roleOf(inputs: DevicePlanInputs, role: string): RoleInputs {
  const found = inputs.roles.get(role);
  if (found === undefined) throw new Error(`no policy was resolved for role ${role}`);
  return found;
}

function identityOf(inputs: DevicePlanInputs, id: string): Identity {
  const found = inputs.identities.get(id);
  if (found === undefined) throw new Error(`no identity was drawn for process ${id}`);
  return found;
}

/** What devices, the VMM and the judges of images have in common. */
export function planConfinement(
  inputs: DevicePlanInputs,
  process: {
    id: string;
    role: RoleInputs;
    accel: "kvm" | "tcg";
    boot: { kernel: string; initrd: string | null } | null;
    image: ImageUse;
    /** To where it may write in a regular file. */
    fileBytesMax: number;
  },
) {
  const { role } = process;
  const { uid, gid, labels } = identityOf(inputs, process.id);
  const { policy, filter } = role;
  const nodes = planNodes(policy, process.accel);
  const granted = {
    ...role,
    policy: { ...policy, nodes: policy.nodes.filter((node) => nodes.some(({ name }) => name === node.name)) },
  };
  return {
    env: ENVIRONMENT,
    uid,
    gid,
    umask: UMASK,
    hostName: HOST_NAME,
    namespaces: NAMESPACES,
    capabilities: [],
    noNewPrivs: true as const,
    selfMade: policy.selfMade.map(({ kind, max }) => ({ kind, max })),
    afterLockDown: policy.afterLockDown,
    attach: policy.attach.map(({ path, access, why }) => ({ path, access, purpose: why })),
    absent: policy.absent.map(({ path, why }) => ({ path, purpose: why })),
    root: planRoot(role, inputs.rootsDirectory, process.boot),
    nodes,
    seccomp: {
      ...grantedCalls(policy.seccomp),
      instructions: filter.instructions,
      sha256: filter.sha256,
      generator: filter.generator,
      generatorWhy: filter.generatorWhy,
    },
    landlock: planLandlock(inputs.facts.landlockAbi, granted, process.boot !== null),
    limits: planLimits(policy, process.fileBytesMax),
    selinux: labels === null ? null : planSelinux(labels, process.image),
  };
}

/** What a process does with an image: none, one that it may write, one that it only reads, one that it judges beforehand. */
type ImageUse = "none" | "write" | "read" | "judge";

function planSelinux({ process, judge, image, ...labels }: ProcessLabels, use: ImageUse): SelinuxPlan {
  const ofImage = { none: null, write: image, read: labels.sharedImage, judge: null };
  return { context: use === "judge" ? judge : process, image: ofImage[use], ...labels };
}
