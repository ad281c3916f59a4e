import { StateError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import { type LauncherPlan, type LaunchPlan, roleKey } from "../plan/index.js";
import type { StartedProcess } from "../sandbox/index.js";
import type { VmSpec } from "../spec/index.js";
import {
  type Directories,
  isAlive,
  type KnownRun,
  listRuns,
  type OwnedRun,
  type RecordedProcess,
  readJson,
  writeJson,
} from "../state/index.js";
import type { ProcessFds } from "./channels.js";

/** What a launch leaves beside its record, so that any later reader can hold a process against its plan. */
interface Evidence {
  readonly plan: LaunchPlan;
  /** What the VM file said, for whoever supervises later. */
  readonly spec: RecordedSpec;
  /** `dev:ino` of each manifest fd, by process and fd number. */
  readonly inodes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** By roleKey(). */
  readonly inventories: Readonly<Record<string, ProgramInventory>>;
}

/** A VM file without the positions of its values, which are its text's. */
export type RecordedSpec = Omit<VmSpec, "source"> & { readonly source: { readonly file: string; readonly directory: string } };

const EVIDENCE_NAME = "plan.json";

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

/** The plan of a VM on record, its live processes, ready to be compared, and those on record that have ended. */
export interface RunEvidence {
  readonly plan: LaunchPlan;
  readonly spec: RecordedSpec;
  readonly started: readonly StartedProcess[];
  readonly missing: readonly RecordedProcess[];
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

/** What a launch left; null when it had not come that far. */
export function readEvidence(run: KnownRun): RunEvidence | null {
  const evidence = readJson(`${run.directory}/${EVIDENCE_NAME}`) as Evidence | null;
  if (evidence === null) return null;
  // The pid of one that ended may be another's by now.
  const missing = run.record.processes.filter((recorded) => !isAlive(recorded));
  const alive = run.record.processes.filter((recorded) => !missing.includes(recorded));
  const started = alive.flatMap((recorded): StartedProcess[] => {
    const plan = evidence.plan.processes.find((process) => process.id === recorded.id);
    const inventory = plan === undefined ? undefined : evidence.inventories[roleKey(plan)];
    if (plan === undefined || inventory === undefined) return [];
    const inodes = evidence.inodes[recorded.id] ?? {};
    const held = plan.fds.map((fd) => ({ plan: fd, fd: null, inode: inodes[String(fd.fd)] ?? "" }));
    return [{ plan, pid: recorded.pid, session: recorded.session, phase: null, inventory, held }];
  });
  return { plan: evidence.plan, spec: evidence.spec, started, missing };
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
