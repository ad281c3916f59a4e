import { StateError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import type { LauncherPlan, LaunchPlan } from "../plan/index.js";
import type { VmSpec } from "../spec/index.js";
import { type Directories, type KnownRun, listRuns, type OwnedRun, readJson, writeJson } from "../state/index.js";
import { EVIDENCE_NAME, type Evidence, type RecordedSpec } from "../verify/index.js";
import type { ProcessFds } from "./channels.js";

export function keepEvidence(
  run: OwnedRun,
  facts: {
    readonly plan: LaunchPlan;
    readonly spec: VmSpec;
    readonly manifests: ReadonlyMap<string, ProcessFds>;
    readonly inventories: ReadonlyMap<string, ProgramInventory>;
  },
): void {
  const evidence: Evidence = {
    plan: facts.plan,
    spec: facts.spec,
    inodes: inodesOf(facts.manifests),
    inventories: Object.fromEntries(facts.inventories),
  };
  writeJson(`${run.directory}/${EVIDENCE_NAME}`, evidence);
}

/** What has changed of a VM since its launch; everything else that it left stays. */
export interface EvidenceChange {
  readonly plan: LaunchPlan;
  readonly spec: RecordedSpec;
  /** Files of the role of a process that was added, by roleKey(). */
  readonly inventories?: Evidence["inventories"];
  /** `dev:ino` of fds that were added, by process and fd number. */
  readonly inodes?: Evidence["inodes"];
}

/** Brings what a launch left up to date. */
export function changeEvidence(run: OwnedRun, change: EvidenceChange): void {
  const path = `${run.directory}/${EVIDENCE_NAME}`;
  const evidence = readJson(path) as Evidence | null;
  if (evidence === null) throw new Error(`${path} is missing`);
  const inodes: Record<string, Readonly<Record<string, string>>> = { ...evidence.inodes };
  for (const [id, added] of Object.entries(change.inodes ?? {})) inodes[id] = { ...inodes[id], ...added };
  const inventories = { ...evidence.inventories, ...change.inventories };
  // Of a process that is gone nothing stays: it holds no file any more.
  const present = Object.entries(inodes).filter(([id]) => change.plan.processes.some((planned) => planned.id === id));
  writeJson(path, { plan: change.plan, spec: change.spec, inodes: Object.fromEntries(present), inventories } satisfies Evidence);
}

/** `dev:ino` of each manifest fd, by process and fd number. */
export function inodesOf(manifests: ReadonlyMap<string, ProcessFds>): Record<string, Record<string, string>> {
  const entries = [...manifests].map(([id, fds]) => [
    id,
    Object.fromEntries(fds.held.map((held) => [String(held.plan.fd), held.inode])),
  ]);
  return Object.fromEntries(entries) as Record<string, Record<string, string>>;
}

/** Puts what another launcher keeps, which takes the VM over, into the plan of the one that died. */
export function replaceLauncherPlan(run: OwnedRun, launcher: LauncherPlan): void {
  const path = `${run.directory}/${EVIDENCE_NAME}`;
  const evidence = readJson(path) as Evidence;
  writeJson(path, { ...evidence, plan: { ...evidence.plan, launcher } });
}

/** Which process of which VM of this host was given the object of this `dev:ino`; null when no record names it. */
export function findHolder(directories: Directories, inode: string): { vm: string; process: string } | null {
  for (const run of listRuns(directories)) {
    const evidence = readJson(`${run.directory}/${EVIDENCE_NAME}`) as Evidence | null;
    const given = Object.entries(evidence?.inodes ?? {}).find(([, inodes]) => Object.values(inodes).includes(inode));
    if (given !== undefined) return { vm: run.record.vm, process: given[0] };
  }
  return null;
}

/** The cgroup that a run's plan names; null without one, or without a plan that can be read. */
export function readPlannedCgroup(run: KnownRun): string | null {
  try {
    const evidence = readJson(`${run.directory}/${EVIDENCE_NAME}`) as Evidence | null;
    return evidence?.plan.cgroup?.path ?? null;
  } catch (error) {
    if (error instanceof StateError) return null;
    throw error;
  }
}
