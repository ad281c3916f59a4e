import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { addon } from "../kernel/index.js";
import { readRecord } from "./run_record.js";

const LOCK_NAME = "lock";

/**
 * Locks a run directory; null when another launcher holds it. A launcher that releases the same name removes lock and
 * directory, so a lock on a file that has left its place is worth nothing and is taken again.
 */
export function lockRun(directory: string): number | null {
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

/** Waits between tries of a lock that somebody holds who has no record; a name is taken or forgotten within some ms. */
const SETTLE_RETRY_MS = 5;
const SETTLE_RETRIES = 40;

/** A lock that is held beside a record is a VM's. One without a record is of somebody who is taking or forgetting the name. */
export function lockWhenSettled(directory: string): number | null {
  for (let retry = 0; retry < SETTLE_RETRIES; retry += 1) {
    const fd = lockRun(directory);
    if (fd !== null || readRecord(directory) !== null) return fd;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SETTLE_RETRY_MS);
  }
  return null;
}

/** Removes a run directory whose lock the caller holds. */
export function removeRun(directory: string): void {
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
