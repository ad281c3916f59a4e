import { closeSync } from "node:fs";
import { createVmCgroup, openSession, removeCgroup, type Session } from "../src/sandbox/index.js";
import { type Benchmark, benchProgram, judgeRatio, type Result, type Workshop } from "./benchmark.js";
import { interleave } from "./interleave.js";
import { LineProgram } from "./line_program.js";
import {
  type ProgramParts,
  type ProgramProcess,
  prepareSubjects,
  startConfinedProgram,
  startPlainProgram,
} from "./program_process.js";
import { measureQemuProxy } from "./qemu_proxy.js";
import { measureScriptProxy } from "./script_proxy.js";
import { describeSummary, pairUp, ratio, summarize } from "./statistics.js";

/** Processes differ for good by where their memory came to lie, so several of each kind are measured. */
const REPETITIONS = 6;
const BATCHES = 30;
const ROUND_TRIPS_PER_BATCH = 500;
const NS_PER_US = 1000;
const US_PER_S = 1e6;
/** Two messages a round trip. */
const MESSAGES = 2;
const PING_PONG_RATIO_MAX = 1.15;
const CONFINED_RATIO_MAX = 1.03;

/** A scratch register of the reference device, and the engine's source address, both in BAR 0. */
const REFERENCE_CLIENT = [benchProgram("device_round_trips"), "0x10", "0x08"];
const ENGINE_CLIENT = [benchProgram("device_round_trips"), "0x10", "0x00"];

type Subject = "pingPong" | "confined" | "plain" | "script" | "interpretedScript";
const SUBJECTS: readonly Subject[] = ["pingPong", "confined", "plain", "script", "interpretedScript"];
type Series = Record<Subject, number[]>;

async function run(workshop: Workshop): Promise<Result[]> {
  const parts = await prepareSubjects(workshop, `bench-${process.pid}-protocol`);
  const { machine } = parts;
  if (machine.cgroup !== null) createVmCgroup(machine.cgroup);
  const series: Series = { pingPong: [], confined: [], plain: [], script: [], interpretedScript: [] };
  const perSecond: number[] = [];
  const behindQemu: number[] = [];
  try {
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
      await measureOnce(parts, series);
      perSecond.push(await withReference(parts, measureScriptProxy));
      const { deviceUs, ramUs } = await withReference(parts, measureQemuProxy);
      behindQemu.push(deviceUs - ramUs);
    }
  } finally {
    if (machine.cgroup !== null) await removeCgroup(machine.cgroup.path);
  }
  return judge(series, { perSecond, behindQemu });
}

/** Each subject with a client of its own, the two alone in their session: where the kernel schedules by session, that decides. */
async function measureOnce(parts: ProgramParts, series: Series): Promise<void> {
  const pairs: {
    readonly subject: Subject;
    readonly client: LineProgram;
    readonly device: ProgramProcess;
    readonly session: Session;
  }[] = [];
  try {
    for (const subject of SUBJECTS) {
      const session = openSession(parts.machine);
      const device = await startSubject(parts, subject, session);
      const isScript = subject === "script" || subject === "interpretedScript";
      const client = await LineProgram.startIn(session, isScript ? ENGINE_CLIENT : REFERENCE_CLIENT, [device.channelFd]);
      pairs.push({ subject, client, device, session });
    }
    const contestants = pairs.map(({ subject, client }) => [subject, () => medianUs(client)] as const);
    const measured = await interleave(
      { rounds: BATCHES, pauseMs: 0 },
      Object.fromEntries(contestants) as Record<Subject, () => Promise<number>>,
    );
    for (const subject of SUBJECTS) series[subject].push(...measured[subject]);
  } finally {
    await Promise.all(pairs.map(({ client }) => client.end()));
    for (const { device, session } of pairs) {
      closeSync(device.channelFd);
      await device.end();
      session.close();
    }
  }
}

function startSubject(parts: ProgramParts, subject: Subject, session: Session): Promise<ProgramProcess> {
  switch (subject) {
    case "pingPong":
      return startPlainProgram(parts, "reference", { session, argv: [benchProgram("ping_pong")] });
    case "confined":
      return startConfinedProgram(parts, "reference", session);
    case "plain":
      return startPlainProgram(parts, "reference", { session });
    case "script":
      return startPlainProgram(parts, "engine", {
        session,
        argv: parts.plans.engine.argv.filter((word) => word !== "--jitless"),
      });
    case "interpretedScript":
      return startPlainProgram(parts, "engine", { session });
  }
}

async function medianUs(client: LineProgram): Promise<number> {
  return Number(await client.ask(`bar ${ROUND_TRIPS_PER_BATCH}`)) / NS_PER_US;
}

/** Lends the channel of a confined reference device to whoever measures it, and closes it. */
async function withReference<T>(parts: ProgramParts, measure: (channelFd: number) => Promise<T>): Promise<T> {
  const session = openSession(parts.machine);
  const device = await startConfinedProgram(parts, "reference", session);
  session.close();
  try {
    return await measure(device.channelFd);
  } finally {
    closeSync(device.channelFd);
    await device.end();
  }
}

interface Others {
  /** BAR_READs a second. */
  readonly perSecond: readonly number[];
  readonly behindQemu: readonly number[];
}

function judge(series: Series, { perSecond, behindQemu }: Others): Result[] {
  const plainly = (subject: string, measured: string): Result => ({ subject, goal: null, measured, met: null });
  const inUs = (values: readonly number[]): string => describeSummary(summarize(values), "us", 2);
  const messages = (values: readonly number[]): string =>
    describeSummary(summarize(values.map((us) => (MESSAGES * US_PER_S) / us)), "messages/s", 0);
  return [
    plainly("BAR_READ, bare ping-pong over a socket pair", inUs(series.pingPong)),
    plainly("BAR_READ, native proxy to the reference device", inUs(series.confined)),
    judgeRatio(
      "BAR_READ, reference device / ping-pong",
      summarize(pairUp(series.confined, series.pingPong, ratio)),
      PING_PONG_RATIO_MAX,
    ),
    judgeRatio(
      "BAR_READ, reference device, confined / unconfined",
      summarize(pairUp(series.confined, series.plain, ratio)),
      CONFINED_RATIO_MAX,
    ),
    plainly("BAR_READ, QEMU's proxy to the reference device", inUs(behindQemu)),
    plainly(
      "TypeScript proxy to the reference device",
      describeSummary(summarize(perSecond.map((rate) => rate * MESSAGES)), "messages/s", 0),
    ),
    plainly("native proxy to a TypeScript device", messages(series.script)),
    plainly("the same without V8's compiler, as devices run", messages(series.interpretedScript)),
  ];
}

export const protocolSpeed: Benchmark = {
  name: "protocol",
  summary: "BAR_READ of the reference device against a bare ping-pong; TypeScript as proxy and as device",
  run,
};
