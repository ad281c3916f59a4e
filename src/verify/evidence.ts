import type { ProgramInventory } from "../host/index.js";
import { type LaunchPlan, roleKey } from "../plan/index.js";
import type { VmSpec } from "../spec/index.js";
import { isAlive, type KnownRun, type RecordedProcess, readJson } from "../state/index.js";
import type { StartedProcess } from "./verify_machine.js";

/** What a launch leaves beside its record, so that any later reader can hold a process against its plan. */
export interface Evidence {
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

/** Beside the record, in the run directory. */
export const EVIDENCE_NAME = "plan.json";

/** The plan of a VM on record, its live processes, ready to be compared, and those on record that have ended. */
export interface RunEvidence {
  readonly plan: LaunchPlan;
  readonly spec: RecordedSpec;
  readonly started: readonly StartedProcess[];
  readonly missing: readonly RecordedProcess[];
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
