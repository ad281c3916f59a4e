import { closeSync, readdirSync } from "node:fs";
import { StateError } from "../errors/index.js";
import { bootId } from "./boot_id.js";
import type { Directories } from "./directories.js";
import { identifyProcess, isAlive } from "./process_identity.js";
import { lockRun, lockWhenSettled, removeRun } from "./run_lock.js";
import {
  NOBODY,
  type RecordedProcess,
  type RunRecord,
  type RunState,
  readRecord,
  recordOfDamaged,
  writeRecord,
} from "./run_record.js";

/**
 * `running` and so on while the launcher lives. When it died: `orphaned` when the guest had run and processes serve on, `dead`
 * when nothing is left, or nothing but processes of a launch that had not come as far as the guest. `damaged`: the record
 * cannot be read, and so says nothing about launcher or processes.
 */
export type ObservedState = RunState | "orphaned" | "dead" | "damaged";

/** One VM on record, as anyone may read it. */
export interface KnownRun {
  readonly directory: string;
  readonly record: RunRecord;
  readonly state: ObservedState;
  readonly processes: readonly RecordedProcess[];
}

/** Where the run directories stand. */
export function runsDirectory(directories: Directories): string {
  return `${directories.run}/vms`;
}

/** Names of the run directories, with a record or without. */
export function listNames(directories: Directories): string[] {
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
  if (record === "damaged") return { directory, record: recordOfDamaged(vm), state: "damaged", processes: [] };
  const sameBoot = record.bootId === bootId();
  const processes = sameBoot ? record.processes.filter(isAlive) : [];
  if (sameBoot && isAlive(record.launcher)) return { directory, record, state: record.state, processes };
  return { directory, record, state: processes.length > 0 && hadRun(record) ? "orphaned" : "dead", processes };
}

/** Whether the guest has run, which makes the VM worth keeping: the record says so once the VMM was told to continue. */
function hadRun(record: RunRecord): boolean {
  return record.state !== "starting";
}

/** What a launcher changes on its record. */
type RecordChange = Partial<
  Pick<RunRecord, "launcher" | "launcherConfined" | "state" | "processes" | "keeper" | "cgroup" | "uids">
>;

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
    const lockFd = lockWhenSettled(directory);
    if (lockFd === null) throw nameBusy(vm, "another launcher runs it");
    const known = findRun(directories, vm);
    if (known !== null && known.state !== "dead") {
      closeSync(lockFd);
      throw nameBusy(vm, `its state is ${known.state}`);
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
      keeper: null,
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
    if (record === "damaged") return new OwnedRun(run.directory, lockFd, run.record);
    if (record !== null) return new OwnedRun(run.directory, lockFd, record);
    removeRun(run.directory);
    closeSync(lockFd);
    return null;
  }

  get record(): RunRecord {
    return this.#record;
  }

  update(change: RecordChange): void {
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

  /** Leaves the VM on record for another to end, while this process goes on: as if the launcher were dead. */
  abandon(): void {
    try {
      this.update({ launcher: NOBODY });
    } catch {
      // A full disk: then the launcher counts as the VM's for as long as it lives.
    }
    this.giveBack();
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
    remedy: `Run \`bulkhead stop ${vm}\`, which ends it, or give this VM another name.`,
  });
}
