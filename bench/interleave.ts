import { setTimeout as sleep } from "node:timers/promises";

/** Measures once and answers with the result, in the contestant's unit. */
export type Measure = () => Promise<number>;

export interface Rounds {
  readonly rounds: number;
  /** Before each measurement, for what the one before it left to the kernel. */
  readonly pauseMs: number;
}

/**
 * Measures all contestants in each round, so that whatever else the machine does hits all alike, every other round in
 * reverse, so that none always runs in the same one's wake. The first round warms caches and is not kept.
 */
export async function interleave<Name extends string>(
  { rounds, pauseMs }: Rounds,
  contestants: Readonly<Record<Name, Measure>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contestants) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      if (pauseMs > 0) await sleep(pauseMs);
      const result = await contestants[name]();
      if (round > 0) results[name].push(result);
    }
  }
  return results;
}
