import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Benchmark, benchProgram, type Result, type Workshop } from "./benchmark.js";
import { ConfinedProgram } from "./confined_program.js";
import { interleave, type Measure } from "./interleave.js";
import { LineProgram } from "./line_program.js";
import { describeSummary, pairUp, ratio, summarize } from "./statistics.js";

/** Namespaces and groups are taken apart by kernel threads after the exit, which must not run into the next measurement. */
const PAUSE_MS = 10;
const ROUNDS = 200;
const NS_PER_MS = 1e6;
const PEER = ["/usr/bin/bwrap", "--unshare-all", "--ro-bind", "/", "/", "/usr/bin/true"];
const RATIO_MAX = 0.6;
const GOAL = `at most ${RATIO_MAX} of bwrap`;

/**
 * Ours is timed from the library call in this process, its promises and native calls included. The peers are timed around
 * posix_spawn and waitpid in a small native program, so that they carry nothing of this runtime.
 */
async function run(workshop: Workshop): Promise<Result[]> {
  await writeFile(join(workshop.directory, "empty.img"), "");
  const once = await ConfinedProgram.prepare(workshop, ["/usr/bin/true"], { number: 0, image: "empty.img" });
  const bare = await LineProgram.start([benchProgram("spawn_timer"), "/usr/bin/true"]);
  const bwrap = await LineProgram.start([benchProgram("spawn_timer"), ...PEER]);
  try {
    const times = await interleave(
      { rounds: ROUNDS, pauseMs: PAUSE_MS },
      {
        confined: timed(() => once.runToItsEnd()),
        bwrap: answered(bwrap),
        bare: answered(bare),
      },
    );
    const verified = await timeVerified(workshop, bwrap);
    return [
      { subject: "bwrap --unshare-all true", goal: null, measured: inMs(times.bwrap), met: null },
      { subject: "posix_spawn true", goal: null, measured: inMs(times.bare), met: null },
      { subject: "confined true", goal: null, measured: inMs(times.confined), met: null },
      judge("confined true / bwrap true", times.confined, times.bwrap),
      { subject: "confined yes, read back from outside, killed", goal: null, measured: inMs(verified.verified), met: null },
      { subject: "the same / bwrap true", goal: null, measured: ratiosOf(verified.verified, verified.bwrap), met: null },
    ];
  } finally {
    await Promise.all([once.close(), bare.end(), bwrap.end()]);
  }
}

/** `true` is gone before anyone can read it from outside, so what a launch does besides is timed on a program that stays. */
async function timeVerified(workshop: Workshop, bwrap: LineProgram): Promise<{ verified: number[]; bwrap: number[] }> {
  const waiting = await ConfinedProgram.prepare(workshop, ["/usr/bin/yes"], { number: 1, image: "empty.img" });
  try {
    return await interleave(
      { rounds: ROUNDS, pauseMs: PAUSE_MS },
      { verified: timed(() => waiting.runVerified()), bwrap: answered(bwrap) },
    );
  } finally {
    await waiting.close();
  }
}

function timed(work: () => Promise<void>): Measure {
  return async () => {
    const startMs = performance.now();
    await work();
    return performance.now() - startMs;
  };
}

function answered(program: LineProgram): Measure {
  return async () => Number(await program.ask("")) / NS_PER_MS;
}

function inMs(values: readonly number[]): string {
  return describeSummary(summarize(values), "ms", 2);
}

function ratiosOf(ours: readonly number[], peer: readonly number[]): string {
  return describeSummary(summarize(pairUp(ours, peer, ratio)), "", 2);
}

function judge(subject: string, ours: readonly number[], peer: readonly number[]): Result {
  const met = summarize(pairUp(ours, peer, ratio)).median <= RATIO_MAX;
  return { subject, goal: GOAL, measured: ratiosOf(ours, peer), met };
}

export const confinedTrue: Benchmark = {
  name: "confined-true",
  summary: "a fully confined `true`, from the library call to its exit reaped, against bubblewrap and posix_spawn",
  run,
};
