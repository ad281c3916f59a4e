import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { previewPlan } from "../src/index.js";
import type { SpawnRequest } from "../src/kernel/index.js";
import { QmpClient } from "../src/machine/index.js";
import type { ProcessPlan } from "../src/plan/index.js";
import {
  createVmCgroup,
  openSession,
  prepareRoot,
  removeCgroup,
  type Session,
  type StartRequest,
  startProcess,
} from "../src/sandbox/index.js";
import { benchPlanRequest, benchVmText, filterOfRole, inventoryOfRole } from "./bench_machine.js";
import type { Benchmark, Result, Workshop } from "./benchmark.js";
import { interleave } from "./interleave.js";
import { Manifest } from "./manifest.js";
import { describeSummary, pairUp, ratio, summarize } from "./statistics.js";

const ROUNDS = 40;
const RATIO_MAX = 1.15;
const IMAGE_BYTES = 1024 * 1024;
/** The kernel gives a process's memory and namespaces back a little after its end. */
const PAUSE_MS = 50;

const FILTER_STEPS: readonly string[] = ["seccomp-filter", "listener-taken", "close-listener"];

interface Device {
  readonly plan: ProcessPlan;
  readonly filter: Buffer;
  readonly image: string;
  readonly session: Session;
}

async function run(workshop: Workshop): Promise<Result[]> {
  const image = join(workshop.directory, "disk.img");
  await writeFile(image, "");
  await truncate(image, IMAGE_BYTES);
  const request = await benchPlanRequest(workshop, benchVmText({ disks: [{ id: "disk0", file: "disk.img" }], card: false }));
  const machine = await previewPlan(request);
  const plan = machine.processes[0];
  if (plan === undefined) throw new Error("a plan without processes");
  await prepareRoot(request.directories.cache, await inventoryOfRole(request, plan.role));
  if (machine.cgroup !== null) createVmCgroup(machine.cgroup);
  const device = { plan, filter: await filterOfRole(request, plan.role), image, session: openSession(machine) };
  try {
    const times = await interleave(
      { rounds: ROUNDS, pauseMs: PAUSE_MS },
      { phases: () => timeStart(device, {}), unfiltered: () => timeStart(device, { alterSpawn: withoutFilter }) },
    );
    return judge(times);
  } finally {
    device.session.close();
    if (machine.cgroup !== null) await removeCgroup(machine.cgroup.path);
  }
}

function withoutFilter(_id: string, request: SpawnRequest): SpawnRequest {
  return { ...request, operations: request.operations.filter(({ step }) => !FILTER_STEPS.includes(step)) };
}

/** From the library call to the answer on the monitor, which is where a launch locks a device down; in ms. */
async function timeStart({ plan, filter, image, session }: Device, change: Pick<StartRequest, "alterSpawn">): Promise<number> {
  const manifest = new Manifest(plan, image);
  const beginMs = performance.now();
  const confined = await startProcess({ plan, manifest: manifest.places, filter, bootFiles: [], session, ...change });
  const monitor = new QmpClient(manifest.takeNear("monitor"), plan.id);
  await monitor.open();
  const elapsedMs = performance.now() - beginMs;
  confined.kill();
  await confined.ended;
  monitor.close();
  manifest.close();
  if (plan.cgroup !== null) await removeCgroup(plan.cgroup.path);
  return elapsedMs;
}

function judge({ phases, unfiltered }: Record<"phases" | "unfiltered", number[]>): Result[] {
  const inMs = (values: number[]): string => describeSummary(summarize(values), "ms", 1);
  const ratios = summarize(pairUp(phases, unfiltered, ratio));
  return [
    { subject: "start of a device to its monitor, without a filter", goal: null, measured: inMs(unfiltered), met: null },
    { subject: "start of a device to its monitor, start calls notified", goal: null, measured: inMs(phases), met: null },
    {
      subject: "start, notified / without a filter",
      goal: `at most ${RATIO_MAX}`,
      measured: describeSummary(ratios, "", 3),
      met: ratios.median <= RATIO_MAX,
    },
  ];
}

export const startPhases: Benchmark = {
  name: "start-phases",
  summary:
    "a confined device process from its start to its monitor, with every start call notified, against one without a filter",
  run,
};
