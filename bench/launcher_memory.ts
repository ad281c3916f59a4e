import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { benchVmText } from "./bench_machine.js";
import { type Benchmark, BULKHEAD_COMMAND, type Result, type Workshop } from "./benchmark.js";
import { describeSummary, summarize } from "./statistics.js";

const ROUNDS = 5;
/** A second launcher shows what each further VM costs: the runtime's code is shared. */
const VMS_AT_ONCE = 2;
/** What a launch leaves for the collector is mostly gone by then. */
const SETTLE_MS = 1500;
const IMAGE_BYTES = 1024 * 1024;
const KIB_PER_MIB = 1024;

interface Memory {
  readonly residentMib: number;
  /** Shared pages divided among who shares them: proportional set size, proc(5). */
  readonly proportionalMib: number;
}

async function run(workshop: Workshop): Promise<Result[]> {
  const alone: Memory[] = [];
  const together: Memory[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    alone.push(...(await measureLaunchers(workshop, 1)));
    together.push(...(await measureLaunchers(workshop, VMS_AT_ONCE)));
  }
  const inMib = (memories: readonly Memory[], key: keyof Memory): string =>
    describeSummary(summarize(memories.map((memory) => memory[key])), "MiB", 1);
  return [
    { subject: "launcher of one VM, RSS", goal: null, measured: inMib(alone, "residentMib"), met: null },
    { subject: "launcher of one VM, PSS", goal: null, measured: inMib(alone, "proportionalMib"), met: null },
    { subject: `each of ${VMS_AT_ONCE} launchers, PSS`, goal: null, measured: inMib(together, "proportionalMib"), met: null },
  ];
}

/** The guests find no boot sector, so that their firmware waits until the launchers end them. */
async function measureLaunchers(workshop: Workshop, count: number): Promise<Memory[]> {
  const launchers: ChildProcess[] = [];
  try {
    for (let number = 0; number < count; number += 1) launchers.push(await startLauncher(workshop, number));
    await sleep(SETTLE_MS);
    return launchers.map((launcher) => readMemory(launcher.pid as number));
  } finally {
    await Promise.all(launchers.map(endLauncher));
  }
}

async function startLauncher(workshop: Workshop, number: number): Promise<ChildProcess> {
  const image = `blank${number}.img`;
  await writeFile(join(workshop.directory, image), "");
  await truncate(join(workshop.directory, image), IMAGE_BYTES);
  const vmFile = join(workshop.directory, `vm${number}.yaml`);
  await writeFile(vmFile, benchVmText({ disks: [{ id: "disk0", file: image }], card: true, number }));
  const launcher = spawn(process.execPath, [BULKHEAD_COMMAND, "run", "--verbose", vmFile], {
    stdio: ["ignore", "ignore", "pipe"],
    env: workshop.environment,
  });
  const said: string[] = [];
  for await (const line of createInterface({ input: launcher.stderr as Readable })) {
    if (line === "bulkhead: run") {
      launcher.stderr?.resume();
      return launcher;
    }
    said.push(line);
  }
  throw new Error(`bulkhead run ended before its guest ran and printed:\n${said.join("\n")}`);
}

async function endLauncher(launcher: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => launcher.once("exit", resolve));
  launcher.kill("SIGTERM");
  await ended;
}

function readMemory(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mibOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1]) / KIB_PER_MIB;
  return { residentMib: mibOf("Rss"), proportionalMib: mibOf("Pss") };
}

export const launcherMemory: Benchmark = {
  name: "launcher-memory",
  summary: "memory of the launcher per VM, while its guest runs",
  run,
};
