import { closeSync } from "node:fs";
import { addon } from "../kernel/index.js";
import { findInCgroup, listPids } from "../observe/index.js";
import { killCgroup, removeCgroup } from "../sandbox/index.js";
import {
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
function strayProcesses(directories: Directories, record: RunRecord): ProcessIdentity[] {
  const uids = new Set([...record.uids, ...reservedUids(directories, record.vm)]);
  const byUid = listPids().filter((pid) => uidsOfProcess(pid).some((uid) => uids.has(uid)));
  const byGroup = record.cgroup === null ? [] : findInCgroup(record.cgroup);
  return [...byUid, ...byGroup].flatMap((pid) => identifyProcess(pid) ?? []);
}

/** Ends every process of a run and gives back all that it holds on the host, in the order in which things hold each other. */
async function clear(directories: Directories, record: RunRecord): Promise<void> {
  if (record.cgroup !== null) killCgroup(record.cgroup);
  const processes = [...record.processes, ...strayProcesses(directories, record)];
  for (const process of processes) signalProcess(process, SIGKILL);
  const deadline = Date.now() + DEATH_DEADLINE_MS;
  while (processes.some(isAlive) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, DEATH_POLL_MS));
  if (record.cgroup !== null) await removeCgroup(record.cgroup);
  releaseUids(directories, [...record.uids, ...reservedUids(directories, record.vm)]);
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
  await dismantle(directories, owned);
  return true;
}

/** Removes what VMs left that have no live process: a crash, a reboot. Returns their names. */
export async function collectGarbage(directories: Directories): Promise<string[]> {
  const removed: string[] = [];
  for (const run of listRuns(directories)) {
    if (run.state === "dead" && (await endOrphan(directories, run))) removed.push(run.record.vm);
  }
  return removed;
}
