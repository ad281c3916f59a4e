const UNITS = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;

/** A size as the files write it: `512M`, `64G`, `4096`. */
export const SIZE_PATTERN = /^[1-9][0-9]*[KMG]?$/;

/** Bytes of a size as written; undefined when it is no size or exceeds 2^53 - 1, the largest exact number here. */
export function parseSize(written: string | number): number | undefined {
  if (typeof written === "number") return Number.isSafeInteger(written) && written > 0 ? written : undefined;
  if (!SIZE_PATTERN.test(written)) return undefined;
  const unit = UNITS[written.slice(-1) as keyof typeof UNITS] as number | undefined;
  const bytes = unit === undefined ? Number(written) : Number(written.slice(0, -1)) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes as a size that the files accept, with the largest unit that divides them: `512M`, `1025K`, `1000`. */
export function formatSize(sizeBytes: number): string {
  const unit = (["G", "M", "K"] as const).find((letter) => sizeBytes > 0 && sizeBytes % UNITS[letter] === 0);
  return unit === undefined ? String(sizeBytes) : `${sizeBytes / UNITS[unit]}${unit}`;
}
