import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Longest time for one command that ends VMs, in ms: a stop waits for every process's end. */
const COMMAND_TIMEOUT_MS = 30_000;
/** A launcher that was just killed holds its VM for a moment longer: so often the rest is tried again, each time after PAUSE_MS. */
const ROUNDS = 5;
const PAUSE_MS = 200;

/**
 * Ends what a test file left of its VMs, and answers their names. A VM outlives its launcher and is in sessions of its own,
 * so neither the end of the file nor that of its process group ends it. `folder` holds the file's state directories
 * (makeFixture of test/support); `dist` the build whose command is used. Throws when something still stands after that.
 */
export function endLeftVms(folder, dist) {
  const states = readdirSync(folder).map((name) => join(folder, name));
  return states.flatMap((state) => endVmsOf(state, dist));
}

function endVmsOf(state, dist) {
  const left = namesIn(state);
  for (let round = 0; round < ROUNDS && namesIn(state).length > 0; round += 1) {
    if (round > 0) pause();
    // A VM that was started with --detach has a supervisor that lives; gc leaves it alone, stop does not.
    for (const vm of namesIn(state)) runCommand(["stop", vm, "--now"], { state, dist });
    runCommand(["gc"], { state, dist });
  }
  const rest = namesIn(state);
  if (rest.length > 0) throw new Error(`cannot end VM ${rest.join(", ")}; run: BULKHEAD_STATE=${state} bulkhead gc`);
  return left;
}

function namesIn(state) {
  const directory = join(state, "run/vms");
  return existsSync(directory) ? readdirSync(directory) : [];
}

function runCommand(args, { state, dist }) {
  spawnSync(process.execPath, [join(dist, "bundle/cli/main.js"), ...args], {
    env: { ...process.env, BULKHEAD_STATE: state },
    stdio: "ignore",
    timeout: COMMAND_TIMEOUT_MS,
  });
}

/** Synchronously, for an interrupted runner has no later moment. */
function pause() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
