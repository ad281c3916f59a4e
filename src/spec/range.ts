import type { InclusiveRange } from "./host_config.js";

/** `500000-565535` or `c0-c1023` as numbers; both ends belong to the range. The schema has checked the form. */
export function parseRange(written: string): InclusiveRange {
  const [first = "", last = ""] = written.replaceAll("c", "").split("-");
  return { first: Number(first), last: Number(last) };
}

export function rangeHolds(range: InclusiveRange, value: number): boolean {
  return range.first <= value && value <= range.last;
}
