import type { Result } from "./benchmark.js";

const HEADINGS = ["measured", "result, median (quartiles)", "goal", ""] as const;

/** A line for each result; a missed goal says so. */
export function formatResults(results: readonly Result[]): string {
  const rows = results.map((result) => [result.subject, result.measured, result.goal ?? "", verdictOf(result)]);
  const widths = HEADINGS.map((heading, column) => Math.max(heading.length, ...rows.map((row) => (row[column] ?? "").length)));
  return [HEADINGS, widths.map((width) => "-".repeat(width)), ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function verdictOf(result: Result): string {
  if (result.met === null) return "";
  return result.met ? "met" : "MISSED";
}
