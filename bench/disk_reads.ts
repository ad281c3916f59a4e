import { randomFillSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { previewPlan } from "../src/index.js";
import { benchPlanRequest, benchVmText } from "./bench_machine.js";
import { type Benchmark, BULKHEAD_COMMAND, benchProgram, judgeRatio, type Result, type Workshop } from "./benchmark.js";
import { describeForDirectStart } from "./direct_description.js";
import { interleave } from "./interleave.js";
import { READ_BYTES, ReadingGuest } from "./reading_guest.js";
import { describeSummary, pairUp, ratio, summarize } from "./statistics.js";

const ROUNDS = 80;
const RATIO_MAX = 1.03;
const BYTES_PER_MIB = 1024 * 1024;
const MS_PER_S = 1000;

/** Both VMs stand all the while, each with a disk of its own, and read in turn; the one that waits is halted. */
async function run(workshop: Workshop): Promise<Result[]> {
  const image = randomFillSync(Buffer.alloc(READ_BYTES));
  (await readFile(benchProgram("read_sectors.bin"))).copy(image);
  const vmText = async (number: number): Promise<string> => {
    const file = `disk${number}.img`;
    await writeFile(join(workshop.directory, file), image);
    return benchVmText({ disks: [{ id: "disk0", file }], card: false, number });
  };
  const vmFile = join(workshop.directory, "vm.yaml");
  await writeFile(vmFile, await vmText(0));
  const directPlan = await previewPlan(await benchPlanRequest(workshop, await vmText(1)));
  const description = join(workshop.directory, "direct.txt");
  await writeFile(description, describeForDirectStart(directPlan));

  const confined = new ReadingGuest([process.execPath, BULKHEAD_COMMAND, "run", vmFile], workshop.environment);
  const direct = new ReadingGuest([benchProgram("direct_machine"), description], workshop.environment);
  const contestants = { confined: () => confined.timeReads(), direct: () => direct.timeReads() };
  const times = await interleave({ rounds: ROUNDS, pauseMs: 0 }, contestants).finally(() =>
    Promise.all([confined.end(), direct.end()]),
  );
  const ratios = summarize(pairUp(times.confined, times.direct, ratio));
  const mibPerS = (values: readonly number[]): string =>
    describeSummary(summarize(values.map((ms) => (READ_BYTES / BYTES_PER_MIB / ms) * MS_PER_S)), "MiB/s", 0);
  return [
    { subject: "sequential disk reads, unconfined", goal: null, measured: mibPerS(times.direct), met: null },
    { subject: "sequential disk reads, confined", goal: null, measured: mibPerS(times.confined), met: null },
    judgeRatio("sequential disk reads, time confined / unconfined", ratios, RATIO_MAX),
  ];
}

export const diskReads: Benchmark = {
  name: "disk-reads",
  summary: "sequential disk reads by a guest through its device process, confined against unconfined",
  run,
};
