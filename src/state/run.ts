import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { StateError } from "../errors/index.js";
import { addon } from "../kernel/index.js";
import { bootId } from "./boot_id.js";
import type { Directories } from "./directories.js";
import { identifyProcess, isAlive } from "./process_identity.js";
import { type RecordedProcess, type RunRecord, type RunState, readRecord, writeRecord } from "./run_record.js";

/** `running` and so on while the launcher lives; `orphaned` when it died and processes serve on; `dead` when nothing is left. */
export type ObservedState = RunState | "orphaned" | "dead";

/** One VM on record, as anyone may read it. */
export interface KnownRun {
  readonly directory: string;
  readonly record: RunRecord;
  readonly state: ObservedState;
  readonly processes: readonly RecordedProcess[];
}

function runsDirectory(directories: Directories): string {
  return `${directories.run}/vms`;
}

function listNames(directories: Directories): string[] {
  try {
    return readdirSync(runsDirectory(directories)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** All VMs on record; a record of an earlier boot is dead whatever its pids are now. */
export function listRuns(directories: Directories): KnownRun[] {
  return listNames(directories).flatMap((name) => findRun(directories, name) ?? []);
}

/** One VM on record; null when there is none of this name. */
export function findRun(directories: Directories, vm: string): KnownRun | null {
  const directory = `${runsDirectory(directories)}/${vm}`;
  const record = readRecord(directory);
  if (record === null) return null;
  const sameBoot = record.bootId === bootId();
  const processes = sameBoot ? record.processes.filter(isAlive) : [];
  if (sameBoot && isAlive(record.launcher)) return { directory, record, state: record.state, processes };
  return { directory, record, state: processes.length > 0 ? "orphaned" : "dead", processes };
}

const LOCK_NAME = "lock";

/**
 * Locks a run directory; null when another launcher holds it. A launcher that releases the same name removes lock and
 * directory, so a lock on a file that has left its place is worth nothing and is taken again.
 */
function lockRun(directory: string): number | null {
  const path = `${directory}/${LOCK_NAME}`;
  for (;;) {
    const fd = openLock(directory, path);
    if (fd === null) continue;
    if (!addon.tryLock({ fd })) {
      closeSync(fd);
      return null;
    }
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd;
    closeSync(fd);
  }
}

/** null when another launcher removed the directory while it was made, or before its lock was opened. */
function openLock(directory: string, path: string): number | null {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return openSync(path, "w", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Removes a run directory whose lock the caller holds. */
function removeRun(directory: string): void {
  try {
    for (const name of readdirSync(directory).filter((entry) => entry !== LOCK_NAME)) {
      rmSync(`${directory}/${name}`, { recursive: true, force: true });
    }
    // The lock goes last: from here on the name, and what stands in the directory, may be another launcher's.
    rmSync(`${directory}/${LOCK_NAME}`, { force: true });
    rmdirSync(directory);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}

/** A launcher that claims a name writes its record within milliseconds of its lock; older than this, in ms, none is coming. */
const UNRECORDED_AGE_MS = 60_000;

/** Removes what launchers left that died between taking a name and writing its record. */
export function removeUnrecorded(directories: Directories): void {
  for (const name of listNames(directories)) {
    const directory = `${runsDirectory(directories)}/${name}`;
    const facts = statSync(directory, { throwIfNoEntry: false });
    if (facts === undefined || Date.now() - facts.mtimeMs < UNRECORDED_AGE_MS || readRecord(directory) !== null) continue;
    const lockFd = lockRun(directory);
    if (lockFd === null) continue;
    // Read again under the lock: who held it before may have written one.
    if (readRecord(directory) === null) removeRun(directory);
    closeSync(lockFd);
  }
}

/** A VM that this launcher owns: its directory, its lock, its record. */
export class OwnedRun {
  readonly directory: string;
  readonly #lockFd: number;
  #record: RunRecord;
  #released = false;

  private constructor(directory: string, lockFd: number, record: RunRecord) {
    this.directory = directory;
    this.#lockFd = lockFd;
    this.#record = record;
  }

  /** Takes the name, or throws StateError "vm-name-busy" when another launcher holds it or its processes live on. */
  static claim(directories: Directories, facts: { readonly vm: string; readonly shutdownGraceMs: number }): OwnedRun {
    const { vm } = facts;
    const directory = `${runsDirectory(directories)}/${vm}`;
    const lockFd = lockRun(directory);
    const known = lockFd === null ? "locked" : findRun(directories, vm);
    if (lockFd === null || known === "locked" || (known !== null && known.state !== "dead")) {
      if (lockFd !== null) closeSync(lockFd);
      throw nameBusy(vm, known === null || known === "locked" ? "another launcher runs it" : `its state is ${known.state}`);
    }
    const launcher = identifyProcess(process.pid);
    if (launcher === null) throw new Error("/proc does not show the launcher itself");
    const record: RunRecord = {
      schemaVersion: 1,
      vm,
      bootId: bootId(),
      launcher,
      state: "starting",
      processes: [],
      cgroup: null,
      uids: [],
      shutdownGraceMs: facts.shutdownGraceMs,
      since: new Date().toISOString(),
    };
    const run = new OwnedRun(directory, lockFd, record);
    run.update({});
    return run;
  }

  /** Takes a VM whose launcher is dead, to end it; null when somebody else has it, or when it is gone meanwhile. */
  static takeOver(run: KnownRun): OwnedRun | null {
    const lockFd = lockRun(run.directory);
    if (lockFd === null) return null;
    const record = readRecord(run.directory);
    if (record !== null) return new OwnedRun(run.directory, lockFd, record);
    removeRun(run.directory);
    closeSync(lockFd);
    return null;
  }

  get record(): RunRecord {
    return this.#record;
  }

  update(change: Partial<Pick<RunRecord, "state" | "processes" | "cgroup" | "uids" | "launcherConfined">>): void {
    // The directory may hold another launcher's record by now.
    if (this.#released) return;
    this.#record = { ...this.#record, ...change };
    writeRecord(this.directory, this.#record);
  }

  /** Whether the name is somebody else's by now: nothing on record may be touched any more. */
  get released(): boolean {
    return this.#released;
  }

  /** Forgets the VM. Everything it names must be gone by now. A second call does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    removeRun(this.directory);
    closeSync(this.#lockFd);
  }

  /** Leaves the VM on record for another to end. */
  giveBack(): void {
    if (this.#released) return;
    this.#released = true;
    closeSync(this.#lockFd);
  }
}

function nameBusy(vm: string, answer: string): StateError {
  return new StateError({
    code: "vm-name-busy",
    tried: `Cannot launch VM "${vm}"`,
    subject: vm,
    answer,
    remedy: `Run \`bulkhead stop ${vm}\`, or give this VM another name.`,
  });
}
