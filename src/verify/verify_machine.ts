import { SandboxError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import { answerOf, type GatePhase } from "../kernel/index.js";
import {
  findInCgroup,
  findInPidNamespaces,
  isGone,
  type LoadedFilters,
  listThreads,
  type ObservedProcess,
  observeFilters,
  observeOwnNamespaces,
  observeProcess,
  pidNamespaceOf,
} from "../observe/index.js";
import type { LaunchPlan, ProcessPlan } from "../plan/index.js";
import { VMM_ID } from "../spec/index.js";
import { compareCgroupFiles } from "./cgroup_files.js";
import { Comparison, type Difference } from "./difference.js";
import { compareFds, type HeldFd } from "./fds.js";
import { compareFilters, compareLockDown } from "./filters.js";
import { compareLabels } from "./labels.js";
import { compareRoot as compareTree } from "./root_tree.js";
import {
  compareBoot,
  compareCgroup,
  compareCookie,
  compareDumpable,
  compareLimits,
  compareNamespaces,
  compareRoot,
  compareRootDirectory,
  type ForeignNamespaces,
} from "./surroundings.js";
import { compareSession, compareThreads } from "./threads.js";

/** A started process with what the launcher still holds of its manifest. */
export interface StartedProcess {
  readonly plan: ProcessPlan;
  readonly pid: number;
  /** Number of the session it was started in. */
  readonly session: number;
  /** What its gate does with start calls; null for a reader that is not its launcher: a gate shows to nobody else. */
  readonly phase: GatePhase | null;
  readonly inventory: ProgramInventory;
  readonly held: readonly HeldFd[];
}

type HostNamespaces = ForeignNamespaces["namespaces"];

/** Readings before a VM whose processes and threads keep changing is given up. */
const READINGS_MAX = 20;

/** What a VM is, and where that is not what its plan says. */
export interface MachineReading {
  readonly observed: readonly ObservedProcess[];
  /** By pid. */
  readonly filters: ReadonlyMap<number, LoadedFilters>;
  readonly differences: readonly Difference[];
}

/** How a VM is read. */
export interface ReadingOptions {
  /** Whether threads are stopped for a moment, to read their filters. Default: they are. */
  readonly ptrace?: boolean;
}

/**
 * Reads every thread of every process in the VM's cgroup and pid namespaces, found there and not in our own list, until
 * two readings in a row find the same processes and threads, and compares all of it with the plan.
 */
export function readMachine(
  plan: LaunchPlan,
  started: readonly StartedProcess[],
  { ptrace = true }: ReadingOptions = {},
): MachineReading {
  const host = observeOwnNamespaces();
  let previous = JSON.stringify(findMembers(plan, started).map((pid) => [pid, listThreads(pid)]));
  for (let reading = 0; reading < READINGS_MAX; reading += 1) {
    const observed = findMembers(plan, started).flatMap((pid) => observeProcess(pid) ?? []);
    const members = JSON.stringify(observed.map((process) => [process.pid, process.threads.map((thread) => thread.tid)]));
    if (members === previous) {
      const filters = new Map(ptrace ? observed.flatMap(({ pid }) => readFiltersOf(pid)) : []);
      return { observed, filters, differences: compareMachine(plan, started, { observed, filters, host }) };
    }
    previous = members;
  }
  throw new SandboxError({
    code: "machine-unsteady",
    tried: `Cannot verify VM "${plan.vm}"`,
    subject: plan.vm,
    answer: `its processes and threads changed between each of ${READINGS_MAX} readings`,
  });
}

function readFiltersOf(pid: number): [number, LoadedFilters][] {
  const filters = observeFilters(pid);
  return filters === null ? [] : [[pid, filters]];
}

/** Pids of the VM's processes as the kernel groups them, ours or not. */
function findMembers(plan: LaunchPlan, started: readonly StartedProcess[]): number[] {
  const namespaces = new Set(started.flatMap((process) => pidNamespaceOf(process.pid) ?? []));
  namespaces.delete(pidNamespaceOf(process.pid) ?? "");
  const pids = new Set([
    ...findInPidNamespaces(namespaces),
    ...(plan.cgroup === null ? [] : findInCgroup(plan.cgroup.path)),
    ...started.map((process) => process.pid),
  ]);
  return [...pids].sort((a, b) => a - b);
}

function compareMachine(
  plan: LaunchPlan,
  started: readonly StartedProcess[],
  { observed, filters, host }: Omit<Neighbours, "started">,
): Difference[] {
  const differences = observed.flatMap((process): Difference[] => {
    const own = started.find((candidate) => candidate.pid === process.pid);
    if (own === undefined) return [stranger(process)];
    return compareProcess(own, process, { observed, filters, started, host });
  });
  const missing = started.filter((candidate) => !observed.some((process) => process.pid === candidate.pid));
  for (const { plan, pid } of missing) {
    differences.push({ process: plan.id, pid, layer: "namespaces", planned: "running", observed: "ended" });
  }
  const vmLimits = plan.cgroup === null ? [] : compareCgroupFiles(plan.cgroup);
  return [
    ...differences,
    ...vmLimits.map(
      (text): Difference => ({ process: plan.vm, pid: 0, layer: "cgroup", planned: "the VM's limits", observed: text }),
    ),
  ];
}

function stranger(process: ObservedProcess): Difference {
  const observed = `process ${process.pid} ${JSON.stringify(process.command)}`;
  return { process: "unknown", pid: process.pid, layer: "namespaces", planned: "no process beside the VM's own", observed };
}

interface Neighbours {
  readonly observed: readonly ObservedProcess[];
  readonly filters: MachineReading["filters"];
  readonly started: readonly StartedProcess[];
  readonly host: HostNamespaces;
}

function compareProcess(own: StartedProcess, process: ObservedProcess, neighbours: Neighbours): Difference[] {
  const comparison = new Comparison(own.plan.id, process.pid);
  try {
    compareParts(own, process, neighbours, comparison);
  } catch (error) {
    if (!isGone(error)) throw error;
    // It ended while it was read; or it lives, and what every process of ours has is not there.
    comparison.note("namespaces", "running, and all of it there", answerOf(error));
  }
  return comparison.differences;
}

function compareParts(own: StartedProcess, process: ObservedProcess, neighbours: Neighbours, comparison: Comparison): void {
  const peers = neighbours.observed.filter((other) => other.pid !== process.pid);
  const foreign: ForeignNamespaces[] = [
    { owner: "the host", namespaces: neighbours.host },
    ...peers.map((peer) => ({ owner: nameOf(peer, neighbours.started), namespaces: peer.namespaces })),
  ];
  compareThreads(own.plan, process, comparison);
  compareFilters(own.plan, neighbours.filters.get(process.pid) ?? null, comparison);
  compareLockDown(own.phase, comparison);
  compareSession(own.session, process, comparison);
  compareNamespaces(own.plan, process, foreign, comparison);
  compareFds(own.plan, process, { held: own.held, guestMemory: guestMemoryOf(neighbours) }, comparison);
  compareLimits(own.plan, process, comparison);
  compareDumpable(process, comparison);
  compareCookie(own.plan, process, peers, comparison);
  compareCgroup(own.plan, process, comparison);
  compareFiles(own, process, comparison);
}

/** Last: of a process that is not where it should be, files may be missing, which ends its comparison. */
function compareFiles(own: StartedProcess, process: ObservedProcess, comparison: Comparison): void {
  compareRoot(own.plan, process, comparison);
  // Another directory is none of ours, and may hold all files of the host: it is not looked into.
  if (!compareRootDirectory(own.plan, process, comparison)) return;
  compareBoot(own.plan, process, comparison);
  for (const difference of compareTree(`/proc/${process.pid}/root`, own.inventory, mountedIn(own.plan)))
    comparison.note("root", "only the role's files", difference);
  compareLabels(own, process, mountedIn(own.plan), comparison);
}

/** Mounts inside the root: their content is not the prepared directory's and is compared by itself. */
function mountedIn(plan: ProcessPlan): string[] {
  return plan.root.filter((entry) => entry.target === "/dev" || entry.target === "/boot").map((entry) => entry.target);
}

/** Memfds of the VMM, by `dev:ino`. */
function guestMemoryOf(neighbours: Neighbours): ReadonlySet<string> {
  const vmm = neighbours.started.find((candidate) => candidate.plan.id === VMM_ID);
  const fds = neighbours.observed.find((process) => process.pid === vmm?.pid)?.fds ?? [];
  return new Set(fds.filter((fd) => fd.kind === "memfd").map((fd) => fd.inode));
}

function nameOf(process: ObservedProcess, started: readonly StartedProcess[]): string {
  return started.find((candidate) => candidate.pid === process.pid)?.plan.id ?? `process ${process.pid}`;
}

/** How many differences a message lists; the rest are counted. */
const LISTED_MAX = 8;

/** Throws SandboxError "verification-failed" that names process, layer, planned and observed of each difference. */
export function verifyMachine(plan: LaunchPlan, started: readonly StartedProcess[]): MachineReading {
  const reading = readMachine(plan, started);
  const { differences } = reading;
  if (differences.length === 0) return reading;
  const listed = oneOfEachFirst(differences).slice(0, LISTED_MAX).map(wordDifference);
  const more = differences.length > LISTED_MAX ? [`and ${differences.length - LISTED_MAX} more`] : [];
  throw new SandboxError({
    code: "verification-failed",
    tried: `Cannot let VM "${plan.vm}" run: it is not what its plan says`,
    subject: plan.vm,
    answer: [...listed, ...more].join("; "),
    remedy: "This is a defect of this host or of Bulkhead, not of the VM file.",
  });
}

/** One root with sixty changed files must not hide that another layer is broken too. */
function oneOfEachFirst(differences: readonly Difference[]): Difference[] {
  const seen = new Set<string>();
  const [firsts, rest]: [Difference[], Difference[]] = [[], []];
  for (const difference of differences) {
    const key = `${difference.process} ${difference.layer}`;
    (seen.has(key) ? rest : firsts).push(difference);
    seen.add(key);
  }
  return [...firsts, ...rest];
}

function wordDifference(difference: Difference): string {
  return `${difference.process} (pid ${difference.pid}), layer ${difference.layer}: planned ${difference.planned}, observed ${difference.observed}`;
}
