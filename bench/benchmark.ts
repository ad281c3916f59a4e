import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeSummary, type Summary } from "./statistics.js";

/** One line of the result table. */
export interface Result {
  readonly subject: string;
  /** What is asked for, in words; null where the number stands for itself. */
  readonly goal: string | null;
  readonly measured: string;
  /** null without a goal. */
  readonly met: boolean | null;
}

/** Whether a ratio, paired round by round, stays at or below what is asked for. */
export function judgeRatio(subject: string, ratios: Summary, max: number): Result {
  return { subject, goal: `at most ${max}`, measured: describeSummary(ratios, "", 3), met: ratios.median <= max };
}

export interface Benchmark {
  /** As in `npm run bench -- NAME`. */
  readonly name: string;
  readonly summary: string;
  run(workshop: Workshop): Promise<readonly Result[]>;
}

/** Where a benchmark works: folders of its own, which vanish with it, and the way to say more than results. */
export interface Workshop {
  readonly directory: string;
  /** Environment in which commands keep their state in `directory`, the cache of prepared roots included. */
  readonly environment: NodeJS.ProcessEnv;
  /** Printed only when asked for. */
  readonly detail: (line: string) => void;
}

/** The checkout, from dist/bench/. */
export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export const POLICY_FOLDER = join(REPOSITORY, "policies");
export const BOOT_FOLDER = join(REPOSITORY, "native/build/boot");
export const BULKHEAD_COMMAND = join(REPOSITORY, "dist/bundle/cli/main.js");

/** A program of native/bench, built by scripts/setup/bench_programs.mjs. */
export function benchProgram(name: string): string {
  return join(REPOSITORY, "native/build/bench", name);
}

/** A tmpfs, as /run is on a host with systemd: run records are written there. */
const MEMORY_FOLDER = "/dev/shm";

export async function withWorkshop<T>(detail: (line: string) => void, work: (workshop: Workshop) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "bulkhead-bench-"));
  const state = await mkdtemp(join(MEMORY_FOLDER, "bulkhead-bench-"));
  try {
    const environment = { ...process.env, BULKHEAD_STATE: state, BULKHEAD_CACHE: join(directory, "cache") };
    return await work({ directory, environment, detail });
  } finally {
    for (const folder of [directory, state]) await rm(folder, { recursive: true });
  }
}
