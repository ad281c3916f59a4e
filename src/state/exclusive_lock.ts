import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { StateError } from "../errors/index.js";
import { addon } from "../kernel/index.js";

/** Waits between tries, in ms; what is done under such a lock takes less than one. */
const RETRY_MS = 1;
const RETRIES_MAX = 5000;

/**
 * Does something while no other process does anything under the same lock file, which is made when absent and stays. The lock
 * goes with this process, whatever ends it. Throws StateError "lock-busy" after five seconds.
 */
export function withExclusiveLock<Result>(path: string, work: () => Result): Result {
  const fd = openLock(path);
  try {
    for (let retry = 0; !addon.tryLock({ fd }); retry += 1) {
      if (retry === RETRIES_MAX) throw busy(path);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
    return work();
  } finally {
    closeSync(fd);
  }
}

/** The directory is made only where it lacks: a confined launcher may make none. */
function openLock(path: string): number {
  try {
    return openSync(path, "a", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, "a", 0o600);
  }
}

function busy(path: string): StateError {
  return new StateError({
    code: "lock-busy",
    tried: `Cannot lock ${path}`,
    subject: path,
    answer: "another process of Bulkhead has held it for five seconds",
    remedy: "Run `lslocks` to see which; one that is stopped may be continued or ended.",
  });
}
