import { fileURLToPath } from "node:url";
import { addon } from "../kernel/index.js";
import { hasIoRing } from "../sandbox/index.js";

/** From dist/src/cli/ (or dist/bundle/cli/) to where node-gyp builds: native/ringless/ringless.cc. */
const RINGLESS = fileURLToPath(new URL("../../../native/build/Release/bulkhead-ringless.so", import.meta.url));
const PRELOAD = "LD_PRELOAD";
const STANDARD_FDS = [0, 1, 2];

/**
 * Starts this process's program once more, in the same process, where its libuv made io_uring rings: a launcher that is to
 * confine itself must not have any. Called before anything else is done; comes back where there is none, and in the second
 * start. `reportFd`: one more fd that the caller was given. Decision 0047.
 */
export function leaveRings(reportFd: string | null = null): void {
  if (process.env[PRELOAD] === RINGLESS) {
    // For this program alone, and for none that it starts.
    delete process.env[PRELOAD];
    return;
  }
  if (!hasIoRing()) return;
  const environment = Object.entries({ ...process.env, [PRELOAD]: RINGLESS }).map(([name, value]) => `${name}=${value}`);
  const argv = [process.argv0, ...process.execArgv, ...process.argv.slice(1)];
  const keptFds = [...STANDARD_FDS, ...(reportFd === null ? [] : [Number(reportFd)])];
  addon.replaceProgram({ path: process.execPath, argv, environment, keptFds });
}
