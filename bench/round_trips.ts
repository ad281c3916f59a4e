import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { previewPlan } from "../src/index.js";
import { createVmCgroup, openSession, prepareRoot, removeCgroup, type Session } from "../src/sandbox/index.js";
import { benchPlanRequest, benchVmText, filterOfRole, inventoryOfRole } from "./bench_machine.js";
import { type Benchmark, benchProgram, judgeRatio, type Result, type Workshop } from "./benchmark.js";
import { type DeviceParts, type DeviceProcess, startConfinedDevice, startUnconfinedDevice } from "./device_process.js";
import { interleave } from "./interleave.js";
import { LineProgram } from "./line_program.js";
import { describeSummary, pairUp, ratio, summarize } from "./statistics.js";

/** Processes differ for good by where their memory came to lie, so several of each kind are measured. */
const REPETITIONS = 8;
const BATCHES = 60;
const ROUND_TRIPS_PER_BATCH = 500;
const NS_PER_US = 1000;
const RATIO_MAX = 1.03;
const IMAGE_BYTES = 1024 * 1024;
const SIDES = ["confined", "unconfined"] as const;
type Side = (typeof SIDES)[number];

const KINDS = ["config", "bar"] as const;
type Kind = (typeof KINDS)[number];

/** Stands for the VMM: in one session with the device process, as the VMM is. */
const CLIENT = [benchProgram("device_round_trips")];

interface Machine {
  readonly partsOf: (side: Side) => DeviceParts;
  readonly sessions: Readonly<Record<Side, Session>>;
}

type Series = Record<Kind, Record<Side, number[]>>;

const NAMES: Readonly<Record<Kind, string>> = { config: "CFG_READ", bar: "BAR_READ" };

async function run(workshop: Workshop): Promise<Result[]> {
  for (const side of SIDES) {
    await writeFile(imageOf(workshop, side), "");
    await truncate(imageOf(workshop, side), IMAGE_BYTES);
  }
  const request = await benchPlanRequest(workshop, benchVmText({ disks: [{ id: "disk0", file: "confined.img" }], card: false }));
  const machine = await previewPlan(request);
  const plan = machine.processes[0];
  if (plan === undefined) throw new Error("a plan without processes");
  await prepareRoot(request.directories.cache, await inventoryOfRole(request, plan.role));
  const filter = await filterOfRole(request, plan.role);
  const partsOf = (side: Side): DeviceParts => ({ plan, filter, image: imageOf(workshop, side) });
  if (machine.cgroup !== null) createVmCgroup(machine.cgroup);
  // One for each side: where the kernel schedules by session, a pair must not share its group with anything else.
  const sessions = { confined: openSession(machine), unconfined: openSession(machine) };
  try {
    const series: Series = { config: emptySeries(), bar: emptySeries() };
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) await measureOnce({ partsOf, sessions }, series);
    return KINDS.flatMap((kind) => judge(kind, series[kind]));
  } finally {
    for (const session of Object.values(sessions)) session.close();
    if (machine.cgroup !== null) await removeCgroup(machine.cgroup.path);
  }
}

function imageOf(workshop: Workshop, side: Side): string {
  return join(workshop.directory, `${side}.img`);
}

function emptySeries(): Record<Side, number[]> {
  return { confined: [], unconfined: [] };
}

async function measureOnce(machine: Machine, series: Series): Promise<void> {
  const devices: { side: Side; device: DeviceProcess; client: LineProgram }[] = [];
  const { partsOf, sessions } = machine;
  try {
    const starts = { confined: startConfinedDevice, unconfined: startUnconfinedDevice };
    for (const side of SIDES) {
      const device = await starts[side](partsOf(side), sessions[side]);
      devices.push({ side, device, client: await LineProgram.startIn(sessions[side], CLIENT, [device.channelFd]) });
    }
    for (const kind of KINDS) {
      const contestants = devices.map(({ side, client }) => [side, () => medianUs(client, kind)] as const);
      const rounds = { rounds: BATCHES, pauseMs: 0 };
      const measured = await interleave(rounds, Object.fromEntries(contestants) as Record<Side, () => Promise<number>>);
      for (const side of SIDES) series[kind][side].push(...measured[side]);
    }
  } finally {
    // The client first: it holds the channel, whose end is the device's.
    await Promise.all(devices.map(({ client }) => client.end()));
    await Promise.all(devices.map(({ device }) => device.end()));
  }
}

async function medianUs(client: LineProgram, kind: Kind): Promise<number> {
  return Number(await client.ask(`${kind} ${ROUND_TRIPS_PER_BATCH}`)) / NS_PER_US;
}

function judge(kind: Kind, series: Record<Side, number[]>): Result[] {
  const name = NAMES[kind];
  const inUs = (values: number[]): string => describeSummary(summarize(values), "us", 2);
  const ratios = summarize(pairUp(series.confined, series.unconfined, ratio));
  return [
    { subject: `${name}, unconfined`, goal: null, measured: inUs(series.unconfined), met: null },
    { subject: `${name}, confined`, goal: null, measured: inUs(series.confined), met: null },
    judgeRatio(`${name}, confined / unconfined`, ratios, RATIO_MAX),
  ];
}

export const roundTrips: Benchmark = {
  name: "round-trips",
  summary: "CFG_READ and BAR_READ round trips with a device process, confined against unconfined",
  run,
};
