import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildDemoImages } from "../examples/demo/images.js";
import { previewPlan } from "../src/index.js";
import { benchPlanRequest, benchVmText } from "./bench_machine.js";
import { type Benchmark, BOOT_FOLDER, BULKHEAD_COMMAND, benchProgram, type Result, type Workshop } from "./benchmark.js";
import { describeForDirectStart } from "./direct_description.js";
import { interleave } from "./interleave.js";
import { type TimedRun, timeLaunch } from "./launch_timing.js";
import { describeSummary, difference, pairUp, summarize } from "./statistics.js";

/** Memory and namespaces of four processes are given back by kernel threads after the end. */
const PAUSE_MS = 200;
const ROUNDS = 15;
const DIFFERENCE_MAX_MS = 150;
/** An empty text: the console's first byte. */
const FIRST_BYTE = "";

async function run(workshop: Workshop): Promise<Result[]> {
  const images = await buildDemoImages(workshop.directory, BOOT_FOLDER);
  const vmText = benchVmText({
    disks: Object.keys(images).map((id) => ({ id, file: `${id}.img` })),
    card: true,
  });
  const vmFile = join(workshop.directory, "vm.yaml");
  await writeFile(vmFile, vmText);
  const description = join(workshop.directory, "direct.txt");
  await writeFile(description, describeForDirectStart(await previewPlan(await benchPlanRequest(workshop, vmText))));

  const runs = { confined: [] as TimedRun[], direct: [] as TimedRun[] };
  const measure = (side: keyof typeof runs, command: readonly string[]) => async (): Promise<number> => {
    const timed = await timeLaunch(command, [FIRST_BYTE], workshop.environment);
    runs[side].push(timed);
    return timed.seenMs[0] as number;
  };
  const times = await interleave(
    { rounds: ROUNDS, pauseMs: PAUSE_MS },
    {
      confined: measure("confined", [process.execPath, BULKHEAD_COMMAND, "run", "--verbose", vmFile]),
      direct: measure("direct", [benchProgram("direct_machine"), description]),
    },
  );
  for (const [side, timed] of Object.entries(runs)) describeSteps(side, timed.slice(1), workshop.detail);

  const more = summarize(pairUp(times.confined, times.direct, difference));
  const inMs = (values: readonly number[]): string => describeSummary(summarize(values), "ms", 0);
  return [
    { subject: "first console byte, started directly", goal: null, measured: inMs(times.direct), met: null },
    { subject: "first console byte, bulkhead run", goal: null, measured: inMs(times.confined), met: null },
    {
      subject: "first console byte, bulkhead run - directly",
      goal: `at most ${DIFFERENCE_MAX_MS} ms`,
      measured: describeSummary(more, "ms", 0),
      met: more.median <= DIFFERENCE_MAX_MS,
    },
  ];
}

/** `bulkhead: attach` and `direct: attach` begin a step; other lines are the processes'. */
const STEP = /^(?:bulkhead|direct): ([a-z]+)$/;

/** Where the time went: how long after the step before it each step began. */
function describeSteps(side: string, runs: readonly TimedRun[], detail: (line: string) => void): void {
  const durations = new Map<string, number[]>();
  for (const timed of runs) {
    const begun = timed.progress.flatMap(({ line, atMs }) => {
      const step = STEP.exec(line)?.[1];
      return step === undefined ? [] : [{ step, atMs }];
    });
    const ends = [...begun.slice(1).map(({ atMs }) => atMs), timed.seenMs[0] as number];
    const steps = [{ step: "(process start)", atMs: 0 }, ...begun];
    [begun[0]?.atMs ?? 0, ...ends].forEach((endMs, index) => {
      const { step, atMs } = steps[index] as { step: string; atMs: number };
      durations.set(step, [...(durations.get(step) ?? []), endMs - atMs]);
    });
  }
  detail(`${side}: each step, and after the last one the guest until its first byte`);
  for (const [step, values] of durations) detail(`  ${step.padEnd(16)} ${describeSummary(summarize(values), "ms", 1)}`);
}

export const firstByte: Benchmark = {
  name: "first-byte",
  summary: "from `bulkhead run` to the guest's first console byte, against the same QEMU command lines started directly",
  run,
};
