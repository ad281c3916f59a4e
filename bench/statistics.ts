/** Middle and spread of a set of measurements. */
export interface Summary {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly count: number;
}

/** Throws on an empty set: a benchmark that measured nothing has no result. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    count: sorted.length,
  };
}

/** Linear between the two nearest ranks, as most statistics programs have it by default. */
function quantile(sorted: readonly number[], fraction: number): number {
  const rank = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(rank)];
  const above = sorted[Math.ceil(rank)];
  if (below === undefined || above === undefined) throw new Error("no measurements to summarize");
  return below + (above - below) * (rank - Math.floor(rank));
}

/** `2.31 ms (2.20..2.45)`: median and quartiles. */
export function describeSummary(summary: Summary, unit: string, digits: number): string {
  const [median, lower, upper] = [summary.median, summary.lowerQuartile, summary.upperQuartile].map((value) =>
    value.toFixed(digits),
  );
  return `${median}${unit === "" ? "" : ` ${unit}`} (${lower}..${upper})`;
}

/** The two series element by element: both of a pair were measured in one round, so that a slow moment hits both. */
export function pairUp(
  left: readonly number[],
  right: readonly number[],
  combine: (left: number, right: number) => number,
): number[] {
  return left.map((value, index) => combine(value, right[index] as number));
}

export const ratio = (left: number, right: number): number => left / right;
export const difference = (left: number, right: number): number => left - right;
