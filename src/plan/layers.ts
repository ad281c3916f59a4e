import { HostError } from "../errors/index.js";
import { type HostFacts, USED_CONTROLLERS } from "../host/index.js";
import { LAYERS, type Layer, type LayerStatus, type LayerStatuses } from "../spec/index.js";

/** The first ABI that covers all that Bulkhead asks of Landlock: files, device ioctls, TCP, signals and abstract sockets (Linux 6.12). */
const LANDLOCK_COMPLETE_ABI = 6;

const ENFORCED: LayerStatus = { status: "enforced" };

/** What each ABI added: Documentation/userspace-api/landlock.rst. */
const LANDLOCK_ADDITIONS: readonly { readonly abi: number; readonly feature: string }[] = [
  { abi: 2, feature: "linking and renaming across directories" },
  { abi: 3, feature: "truncate" },
  { abi: 4, feature: "TCP bind and connect" },
  { abi: 5, feature: "device ioctls" },
  { abi: 6, feature: "signals and abstract sockets" },
];

function judgeLandlock(abi: number): LayerStatus {
  if (abi === 0)
    return { status: "unavailable", why: "the kernel has no Landlock, or it is not among its active security modules" };
  if (abi >= LANDLOCK_COMPLETE_ABI) return ENFORCED;
  const lacks = LANDLOCK_ADDITIONS.filter((addition) => addition.abi > abi).map((addition) => addition.feature);
  return {
    status: "partial",
    lacks,
    why: `the kernel speaks Landlock ABI ${abi}; ABI ${LANDLOCK_COMPLETE_ABI} covers all (Linux 6.12)`,
  };
}

function judgeCgroup(facts: HostFacts): LayerStatus {
  const { cgroup } = facts;
  if (cgroup.kind === "none") return { status: "unavailable", why: cgroup.why };
  if (cgroup.why === null) return ENFORCED;
  const lacks = USED_CONTROLLERS.filter((name) => !cgroup.controllers.includes(name)).map((name) => `${name} controller`);
  return { status: "partial", lacks, why: cgroup.why };
}

function fromAvailability(facts: { available: true } | { available: false; why: string }): LayerStatus {
  return facts.available ? ENFORCED : { status: "unavailable", why: facts.why };
}

/** The level at which this host can give each layer. A launch asks for exactly that, and fails when it gets less. */
export function judgeLayers(facts: HostFacts): LayerStatuses {
  const statuses = Object.fromEntries(LAYERS.map((layer) => [layer, ENFORCED])) as Record<Layer, LayerStatus>;
  statuses.landlock = judgeLandlock(facts.landlockAbi);
  statuses.cgroup = judgeCgroup(facts);
  statuses["core-scheduling"] = fromAvailability(facts.coreScheduling);
  statuses.selinux = fromAvailability(facts.selinux);
  return statuses;
}

/** Throws HostError "layer-unavailable" (exit 3) unless every required layer is fully enforced; names them all. */
export function requireLayers(statuses: LayerStatuses, required: readonly Layer[]): void {
  const short = required.flatMap((layer) => {
    const status = statuses[layer];
    return status.status === "enforced" ? [] : [{ layer, status: status.status, why: status.why }];
  });
  if (short.length === 0) return;
  throw new HostError({
    code: "layer-unavailable",
    tried: "Cannot give every layer that the VM file and the host file require",
    subject: short.map((entry) => entry.layer).join(", "),
    answer: short.map((entry) => `${entry.layer} is ${entry.status}: ${entry.why}`).join("; "),
    remedy: "Run `bulkhead doctor` for what this host can enforce.",
  });
}
