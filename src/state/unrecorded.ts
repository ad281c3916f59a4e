import { closeSync, statSync } from "node:fs";
import { leasingVms, releaseCategories, removeUnwrittenLeases } from "./category_lease.js";
import type { Directories } from "./directories.js";
import { releaseUids, removeUnwrittenReservations, reservedUids, reservingVms } from "./reservation.js";
import { listNames, runsDirectory } from "./run.js";
import { lockRun, removeRun } from "./run_lock.js";
import { readRecord } from "./run_record.js";

/** A launcher that claims a name writes its record within milliseconds of its lock; older than this, in ms, none is coming. */
const UNRECORDED_AGE_MS = 60_000;

/**
 * Removes what launchers left that died between taking a name and writing its record, or between removing a record and its
 * directory. `ageMs`: younger directories are left, for a launcher may be about to write.
 */
export function removeUnrecorded(directories: Directories, ageMs = UNRECORDED_AGE_MS): void {
  for (const name of listNames(directories)) {
    const directory = `${runsDirectory(directories)}/${name}`;
    const facts = statSync(directory, { throwIfNoEntry: false });
    if (facts === undefined || readRecord(directory) !== null) continue;
    if (ageMs > 0 && Date.now() - facts.mtimeMs < ageMs) continue;
    forgetUnrecorded(directory, () => {});
  }
}

/**
 * Releases uids that are reserved for a VM without a record. Under the lock of its name: whoever holds that may reserve for
 * it, and nobody else.
 */
export function releaseStrayUids(directories: Directories): void {
  removeUnwrittenReservations(directories, UNRECORDED_AGE_MS);
  removeUnwrittenLeases(directories, UNRECORDED_AGE_MS);
  for (const vm of new Set([...reservingVms(directories), ...leasingVms(directories)])) {
    const directory = `${runsDirectory(directories)}/${vm}`;
    if (readRecord(directory) !== null) continue;
    forgetUnrecorded(directory, () => {
      releaseUids(directories, reservedUids(directories, vm));
      releaseCategories(directories, vm);
    });
  }
}

/** Removes a run directory in which, under its lock, no record stands; `first` runs before, still under the lock. */
function forgetUnrecorded(directory: string, first: () => void): void {
  const lockFd = lockRun(directory);
  if (lockFd === null) return;
  try {
    // Read again under the lock: who held it before may have written one.
    if (readRecord(directory) !== null) return;
    first();
    removeRun(directory);
  } finally {
    closeSync(lockFd);
  }
}
