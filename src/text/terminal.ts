/**
 * What a confined process or a guest wrote, made safe for a person's terminal: control characters but newline, tab and
 * carriage return are shown as `\xNN`, so that no escape sequence acts.
 */
export function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject.
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** Likewise as one line: a carriage return or a newline would let a process write what seems to be another's line. */
export function escapeLine(text: string): string {
  return escapeControls(text).replace(/[\n\r]/g, (character) => (character === "\n" ? "\\x0a" : "\\x0d"));
}

/** JSON of a value, whose strings may be what an untrusted process wrote: what acts on a terminal is a `\uNNNN` escape. */
export function printableJson(value: unknown, indent?: number): string {
  // JSON.stringify itself escapes the controls below U+0020.
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    },
  );
}
