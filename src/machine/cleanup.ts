import { closeSync } from "node:fs";
import { MachineError } from "../errors/index.js";
import { readCgroupFacts } from "../host/index.js";
import { addon } from "../kernel/index.js";
import { findInCgroup, listPids } from "../observe/index.js";
import { CGROUP_DIRECTORY } from "../plan/index.js";
import { killCgroup, removeCgroup } from "../sandbox/index.js";
import {
  bootId,
  type Directories,
  findRun,
  identifyProcess,
  isAlive,
  type KnownRun,
  listRuns,
  logEvent,
  OwnedRun,
  type ProcessIdentity,
  type RunRecord,
  releaseCategories,
  releaseUids,
  removeUnrecorded,
  reservedUids,
  uidsOfProcess,
} from "../state/index.js";
import { readPlannedCgroup } from "./evidence.js";
import { releaseImages, releaseImagesOfDead } from "./image_labels.js";

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

/**
 * A confined launcher opens no pidfd (EPERM): it has killed its processes by those it holds, and strays with their cgroup; its
 * keeper ends by itself when they have.
 */
function killUnlessConfined(process: ProcessIdentity): void {
  try {
    signalProcess(process, SIGKILL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
}

/**
 * The group of a VM whose record cannot be read: that of its plan, which was written after the group was made. A launch that
 * had not come so far had no process in it either; a group of the VM's name with processes then is somebody else's.
 */
function cgroupOfDamaged(run: KnownRun): string | null {
  const planned = readPlannedCgroup(run);
  if (planned !== null) return planned;
  const facts = readCgroupFacts();
  const byName = facts.kind === "none" ? null : `${facts.mount}/${CGROUP_DIRECTORY}/${run.record.vm}`;
  return byName !== null && findInCgroup(byName).length === 0 ? byName : null;
}

/** The steps of ending a VM and forgetting it, as kill tests name them. */
export type CleanupStep = "end-processes" | "remove-cgroup" | "restore-labels" | "release-uids" | "forget";

/** How a VM is ended. */
export interface CleanupOptions {
  /** Longest wait for killed processes to be gone, and again for the kernel to let go of their group, in ms. Default 5000. */
  readonly patienceMs?: number;
  /** Gets the name of each step as it begins. */
  readonly onStep?: (step: CleanupStep) => void;
}

/**
 * Ends every process of a run and gives back all that it holds on the host, in the order in which things hold each other. Throws
 * MachineError "processes-linger", with the record and the reservations as they were, while any of its processes lives.
 */
async function clear(directories: Directories, record: RunRecord, options: CleanupOptions): Promise<void> {
  const { patienceMs = DEATH_DEADLINE_MS, onStep } = options;
  onStep?.("end-processes");
  // The reservations alone say whose a uid is: one that the record names may have passed on to another VM.
  const uids = reservedUids(directories, record.vm);
  // A pid and start time of another boot may name anybody by now.
  const recorded = record.bootId === bootId() ? [...record.processes, ...(record.keeper === null ? [] : [record.keeper])] : [];
  if (record.cgroup !== null) killCgroup(record.cgroup);
  const processes = [...recorded, ...strayProcesses(record, new Set(uids))];
  for (const process of processes.filter(isAlive)) killUnlessConfined(process);
  const deadline = Date.now() + patienceMs;
  while (processes.some(isAlive)) {
    if (Date.now() > deadline) throw processesLinger(record.vm, processes.filter(isAlive), patienceMs);
    await new Promise((resolve) => setTimeout(resolve, DEATH_POLL_MS));
  }
  onStep?.("remove-cgroup");
  if (record.cgroup !== null) await removeCgroup(record.cgroup, patienceMs);
  // Before the categories: an image at a pair that another VM draws would be that VM's.
  onStep?.("restore-labels");
  releaseImages(directories, record.vm);
  onStep?.("release-uids");
  releaseUids(directories, uids);
  releaseCategories(directories, record.vm);
}

/** Ends a VM that this launcher owns, whatever state it is in, and forgets it. */
export async function dismantle(directories: Directories, run: OwnedRun, options: CleanupOptions = {}): Promise<void> {
  await clear(directories, run.record, options);
  options.onStep?.("forget");
  run.release();
  logEvent(directories, { event: "cleanup", vm: run.record.vm });
}

/**
 * Likewise, at the end of a launcher's work for the VM. What fails is logged and returned, and the VM left on record for another
 * to end: it must not take the place of how the VM ended.
 */
export async function dismantleOrLeave(directories: Directories, run: OwnedRun, options: CleanupOptions): Promise<Error | null> {
  try {
    await dismantle(directories, run, options);
    return null;
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    logEvent(directories, { event: "cleanup-failed", vm: run.record.vm, message: error.message });
    run.abandon();
    return error;
  }
}

function processesLinger(vm: string, alive: readonly ProcessIdentity[], patienceMs: number): MachineError {
  return new MachineError({
    code: "processes-linger",
    tried: `Cannot end VM "${vm}"`,
    subject: vm,
    answer: `killed ${patienceMs} ms ago, these of its processes are still there: ${alive.map(({ pid }) => pid).join(", ")}`,
    remedy: "The kernel holds them, most likely for a device that does not answer; `bulkhead gc` tries again.",
  });
}

/** Ends a VM whose launcher is dead and forgets it. Returns false when another launcher has it. */
export async function endOrphan(directories: Directories, run: KnownRun, options: CleanupOptions = {}): Promise<boolean> {
  const owned = OwnedRun.takeOver(run);
  if (owned === null) return false;
  try {
    if (run.state === "damaged") owned.update({ cgroup: cgroupOfDamaged(run) });
    await dismantle(directories, owned, options);
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
export async function endOrphans(
  directories: Directories,
  runs: readonly KnownRun[],
  optionsFor: (vm: string) => CleanupOptions = () => ({}),
): Promise<CleanupReport> {
  const removed: string[] = [];
  const failed: { vm: string; error: Error }[] = [];
  for (const run of runs) {
    const { vm } = run.record;
    try {
      if (await endOrphan(directories, run, optionsFor(vm))) removed.push(vm);
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      logEvent(directories, { event: "cleanup-failed", vm, message: error.message });
      failed.push({ vm, error });
    }
  }
  return { removed, failed };
}

/** What a launch waits for the remains of another VM, in ms: what is stuck there must not delay everybody's launch. */
const STRANGERS_PATIENCE_MS = 100;

/**
 * Removes what VMs left whose guest does not run: a crash, a reboot, a launch whose launcher died. `urgentFor` names the VM
 * that is about to be launched; whatever other VMs left is tried, and left to a later round when it takes long.
 */
export async function collectGarbage(directories: Directories, urgentFor: string | null = null): Promise<CleanupReport> {
  removeUnrecorded(directories);
  const patient: CleanupOptions = {};
  const report = await endOrphans(
    directories,
    listRuns(directories).filter((run) => run.state === "dead"),
    (vm) => (urgentFor === null || vm === urgentFor ? patient : { patienceMs: STRANGERS_PATIENCE_MS }),
  );
  // What a confined launcher could not reach, or one that died between two steps.
  releaseImagesOfDead(directories, (vm) => findRun(directories, vm) !== null);
  return report;
}
