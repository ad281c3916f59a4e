import { SpecError } from "../errors/index.js";
import { type Problem, printable, wordPosition } from "../text/index.js";

/** How many problems of a file one error names; the rest is counted. */
export const PROBLEMS_SHOWN_MAX = 20;

/** One error for all problems of a file, in the order of their positions. Code `spec-invalid`. */
export function invalidFile(file: string, text: string, problems: readonly Problem[]): SpecError {
  const sorted = [...problems].sort((a, b) => a.offset - b.offset);
  const lines = sorted
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map((problem) => endSentence(`${wordPosition(file, text, problem.offset)}: ${problem.message}`));
  const hidden = sorted.length - lines.length;
  if (hidden > 0) lines.push(`${printable(file)}: and ${hidden} more problem${hidden === 1 ? "" : "s"}.`);
  return new SpecError({ code: "spec-invalid", tried: lines.join("\n"), subject: file });
}

function endSentence(line: string): string {
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
