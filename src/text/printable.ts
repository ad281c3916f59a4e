/** Longest piece of a file that a message quotes, in characters. */
const QUOTED_LENGTH_MAX = 60;

// Everything that could steer a terminal or disguise text: controls, format characters (bidi), lone surrogates, unassigned, and
// the line and paragraph separators.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029]/gu;

/** Text from an untrusted file made safe to print: unprintable characters become `\u{…}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A value as a message shows it: strings in quotes and cut, collections by kind. */
export function quoteValue(value: unknown): string {
  if (typeof value === "string") {
    const cut = value.length > QUOTED_LENGTH_MAX ? `${value.slice(0, QUOTED_LENGTH_MAX)}…` : value;
    return `"${printable(cut)}"`;
  }
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a mapping" : String(value);
}

/** A path of keys as people write it: `devices[0].disk.file`; the whole file is `the file`. */
export function quotePath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the file";
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${String(step)}`))
    .join("");
}
