import { escapeLine } from "../text/index.js";

/** Largest line taken from a monitor, in bytes. The largest honest ones (qom-list, query-*) stay below 200 KiB. */
export const LINE_BYTES_MAX = 1024 * 1024;
/** Deepest nesting of a reply; honest ones stay below 12. */
const DEPTH_MAX = 32;

/** Longest refusal that is passed on, in characters; QEMU's own have one sentence. */
const REFUSAL_CHARACTERS_MAX = 500;

/** The words of a refusal, which come from an untrusted process: one line, cut. */
export function describeRefusal(error: unknown): string {
  const text = (error as { desc?: unknown } | null)?.desc;
  const words = typeof text === "string" ? text : JSON.stringify(error ?? null);
  return escapeLine(words.slice(0, REFUSAL_CHARACTERS_MAX));
}

/** Parses one line of a monitor. Returns the object, or in words what is wrong with the line. */
export function parseMessage(line: string): Record<string, unknown> | string {
  if (line.length > LINE_BYTES_MAX) return `a line longer than ${LINE_BYTES_MAX} bytes`;
  if (nestingOf(line) > DEPTH_MAX) return `a reply nested deeper than ${DEPTH_MAX}`;
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return "a line that is not JSON";
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return "a line that is not an object";
  return message as Record<string, unknown>;
}

/** Depth of brackets outside strings: JSON.parse itself would recurse as deep as a hostile peer likes. */
function nestingOf(line: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index];
    if (inString) {
      if (character === "\\") index += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') {
      inString = true;
    } else if (character === "{" || character === "[") {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (character === "}" || character === "]") {
      depth -= 1;
    }
  }
  return deepest;
}
