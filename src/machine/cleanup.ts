import { closeSync } from "node:fs";
import { addon } from "../kernel/index.js";
import { findInCgroup, listPids } from "../observe/index.js";
import { killCgroup, removeCgroup } from "../sandbox/index.js";
import {
  bootId,
  type Directories,
  identifyProcess,
  isAlive,
  type KnownRun,
  listRuns,
  logEvent,
  OwnedRun,
  type ProcessIdentity,
  type RunRecord,
  releaseUids,
  removeUnrecorded,
  reservedUids,
  uidsOfProcess,
} from "../state/index.js";

/** include/uapi/asm-generic/signal.h */
const SIGKILL = 9;
/** Longest wait for killed processes to be gone, in ms. Teardown of a large guest's memory takes some 100 ms. */
const DEATH_DEADLINE_MS = 5000;
const DEATH_POLL_MS = 5;

/** Sends a signal to exactly this process, or to nobody when its pid has passed on. */
export function signalProcess(identity: ProcessIdentity, signal: number): void {
  let pidfd: number | undefined;
  try {
    pidfd = addon.openPidfd({ pid: identity.pid });
    // The pidfd is open now, so that what is identified here is what the signal goes to.
    if (isAlive(identity)) addon.sendSignal({ pidfd, signal });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  } finally {
    if (pidfd !== undefined) closeSync(pidfd);
  }
}

/** Processes of a run that its record may not name: a launcher may die between clone and record. */
function strayProcesses(record: RunRecord, uids: ReadonlySet<number>): ProcessIdentity[] {
  const byUid = listPids().filter((pid) => uidsOfProcess(pid).some((uid) => uids.has(uid)));
  const byGroup = record.cgroup === null ? [] : findInCgroup(record.cgroup);
  return [...byUid, ...byGroup].flatMap((pid) => identifyProcess(pid) ?? []);
}

/** A confined launcher opens no pidfd (EPERM): it has killed its processes by those it holds, and strays with their cgroup. */
function killUnlessConfined(process: ProcessIdentity): void {
  try {
    signalProcess(process, SIGKILL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
}

/** Ends every process of a run and gives back all that it holds on the host, in the order in which things hold each other. */
async function clear(directories: Directories, record: RunRecord): Promise<void> {
  // The reservations alone say whose a uid is: one that the record names may have passed on to another VM.
  const uids = reservedUids(directories, record.vm);
  // A pid and start time of another boot may name anybody by now.
  const recorded = record.bootId === bootId() ? record.processes : [];
  if (record.cgroup !== null) killCgroup(record.cgroup);
  const processes = [...recorded, ...strayProcesses(record, new Set(uids))];
  for (const process of processes.filter(isAlive)) killUnlessConfined(process);
  const deadline = Date.now() + DEATH_DEADLINE_MS;
  while (processes.some(isAlive) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, DEATH_POLL_MS));
  if (record.cgroup !== null) await removeCgroup(record.cgroup);
  releaseUids(directories, uids);
}

/** Ends a VM that this launcher owns, whatever state it is in, and forgets it. */
export async function dismantle(directories: Directories, run: OwnedRun): Promise<void> {
  await clear(directories, run.record);
  run.release();
  logEvent(directories, { event: "cleanup", vm: run.record.vm });
}

/** Ends a VM whose launcher is dead and forgets it. Returns false when another launcher has it. */
export async function endOrphan(directories: Directories, run: KnownRun): Promise<boolean> {
  const owned = OwnedRun.takeOver(run);
  if (owned === null) return false;
  try {
    await dismantle(directories, owned);
  } finally {
    // Does nothing after a release. After a failure somebody else may try.
    owned.giveBack();
  }
  return true;
}

/** What a round of cleaning up came to, by names of VMs. */
export interface CleanupReport {
  readonly removed: readonly string[];
  readonly failed: readonly { readonly vm: string; readonly error: Error }[];
}

/** Ends those VMs one by one; one that cannot be ended is reported and does not keep the others. */
export async function endOrphans(directories: Directories, runs: readonly KnownRun[]): Promise<CleanupReport> {
  const removed: string[] = [];
  const failed: { vm: string; error: Error }[] = [];
  for (const run of runs) {
    const { vm } = run.record;
    try {
      if (await endOrphan(directories, run)) removed.push(vm);
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      logEvent(directories, { event: "cleanup-failed", vm, message: error.message });
      failed.push({ vm, error });
    }
  }
  return { removed, failed };
}

/** Removes what VMs left that have no live process: a crash, a reboot. */
export async function collectGarbage(directories: Directories): Promise<CleanupReport> {
  removeUnrecorded(directories);
  return endOrphans(
    directories,
    listRuns(directories).filter((run) => run.state === "dead"),
  );
}
