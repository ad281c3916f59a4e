import type { LoadedFilters, ObservedProcess } from "../observe/index.js";
import type { ProcessPlan } from "../plan/index.js";
import { LAYERS, type Layer, type LayerStatus } from "../spec/index.js";
import type { Difference } from "./difference.js";

/** One layer of one process: its status now, what was planned, and what the kernel shows. */
export type LayerReport = LayerStatus & { readonly planned: unknown; readonly observed: unknown };

/** Layers that the kernel shows nowhere; a refused call before exec proved them. */
const PROVED_AT_START = "proved before exec by a call that only this layer refuses; the kernel does not show it";

/** Puts plan and reading of a process side by side, layer by layer. A layer with a difference counts as `partial`. */
export function describeLayers(
  plan: ProcessPlan,
  { observed, filters }: { readonly observed: ObservedProcess; readonly filters: LoadedFilters | null },
  differences: readonly Difference[],
): Readonly<Record<Layer, LayerReport>> {
  const sides = compareSides(plan, observed, filters);
  const entries = LAYERS.map((layer) => {
    const broken = differences.filter((difference) => difference.layer === layer);
    const lacks = broken.map((difference) => `planned ${difference.planned}, observed ${difference.observed}`);
    const status: LayerStatus =
      broken.length === 0 ? plan.layers[layer] : { status: "partial", lacks, why: "it differs from the plan" };
    return [layer, { ...status, ...sides[layer] }];
  });
  return Object.fromEntries(entries) as Record<Layer, LayerReport>;
}

interface Sides {
  readonly planned: unknown;
  readonly observed: unknown;
}

function compareSides(plan: ProcessPlan, observed: ObservedProcess, filters: LoadedFilters | null): Record<Layer, Sides> {
  const perThread = <T>(read: (thread: ObservedProcess["threads"][number]) => T) =>
    observed.threads.map((thread) => ({ tid: thread.tid, value: read(thread) }));
  return {
    seccomp: {
      planned: {
        mode: 2,
        filters: 1,
        sha256: plan.seccomp.sha256,
        generator: plan.seccomp.generator,
        callsUntilLockDown: plan.seccomp.start.length + plan.seccomp.run.length,
        callsAfterLockDown: plan.seccomp.run.length,
        afterLockDown: plan.afterLockDown,
      },
      observed: perThread((thread) => ({
        mode: thread.seccompMode,
        filters: thread.seccompFilters,
        programs: programsOf(filters, thread.tid),
      })),
    },
    namespaces: { planned: plan.namespaces, observed: observed.namespaces },
    root: { planned: plan.root.slice(0, 1), observed: observed.mounts },
    fds: { planned: { given: plan.fds, selfMade: plan.selfMade }, observed: observed.fds },
    capabilities: { planned: plan.capabilities, observed: perThread((thread) => thread.capabilities) },
    securebits: { planned: "noroot, no setuid fixup, no ambient raise; all locked", observed: PROVED_AT_START },
    "no-new-privs": { planned: true, observed: perThread((thread) => thread.noNewPrivs) },
    uid: {
      planned: { uid: plan.uid, gid: plan.gid, groups: [] },
      observed: perThread(({ uids, gids, groups }) => ({ uids, gids, groups })),
    },
    dumpable: { planned: false, observed: observed.dumpable },
    landlock: { planned: plan.landlock, observed: plan.landlock === null ? null : PROVED_AT_START },
    rlimits: { planned: plan.limits, observed: observed.limits },
    cgroup: { planned: plan.cgroup, observed: observed.cgroup },
    "core-scheduling": {
      planned: plan.layers["core-scheduling"].status,
      observed: observed.coreCookie === null ? null : String(observed.coreCookie),
    },
    selinux: { planned: plan.selinux, observed: perThread((thread) => thread.selinuxContext) },
  };
}

/** SHA-256 of what one thread runs, or why that cannot be told. */
function programsOf(filters: LoadedFilters | null, tid: number): readonly string[] | string {
  if (filters === null) return "not read: the process ended";
  if (!filters.readable) return `not shown by this host: ${filters.why}`;
  return filters.threads.find((thread) => thread.tid === tid)?.sha256 ?? "not read: the thread ended";
}
