// Run by killed_launcher.test.ts, one process for each case: launches a VM, or ends one, and kills itself with SIGKILL when a
// step begins, or some time after: WHAT STEP [DELAY_MS] [VM_FILE]. The product has no such hook. The step `half-a-root` is the
// moment when a root that is being built appears in the cache.
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { DEFAULT_QEMU, launch, listRuns, openDirectories, readVmFile } from "../../src/index.js";
import { endOrphans, type LaunchRequest, sweep } from "../../src/machine/index.js";
import { builtInHostConfig } from "../../src/spec/index.js";
import { repositoryRoot } from "../support/repository.js";

const [what = "", fatalStep = "", delay = "0", vmFile = ""] = process.argv.slice(2);

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function dieAt(step: string): void {
  if (step !== fatalStep) return;
  if (delay === "0") die();
  else setTimeout(die, Number(delay));
}

/** Polls from a thread of its own, for building a root holds the event loop. */
function dieAtHalfARoot(): void {
  const roots = join(openDirectories().cache, "roots");
  const poll = `
    const { existsSync, readdirSync } = require("node:fs");
    const { workerData: roots } = require("node:worker_threads");
    for (;;) {
      const names = existsSync(roots) ? readdirSync(roots) : [];
      if (names.some((name) => name.startsWith(".building-"))) process.kill(process.pid, "SIGKILL");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }`;
  new Worker(poll, { eval: true, workerData: roots }).unref();
}

async function buildRequest(): Promise<LaunchRequest> {
  return {
    spec: await readVmFile(vmFile),
    hostConfig: builtInHostConfig(),
    directories: openDirectories(),
    policyFolder: join(repositoryRoot, "policies"),
    qemu: DEFAULT_QEMU,
    stdio: null,
    onLogLine: () => {},
    onStep: dieAt,
    onCleanupStep: dieAt,
    alterSpawn: (id, request) => {
      dieAt(`spawn-${id}`);
      return request;
    },
  };
}

if (fatalStep === "half-a-root") dieAtHalfARoot();
if (what === "launch") {
  await launch(await buildRequest());
} else if (what === "stop") {
  const machine = await launch(await buildRequest());
  await machine.stop();
  await machine.ended;
} else if (what === "gc") {
  const directories = openDirectories();
  await endOrphans(directories, listRuns(directories), () => ({ onStep: dieAt }));
  await sweep(directories, dieAt);
}
// Only a step that never came gets here: the test expects a death.
process.exit(0);
