import { printable } from "./printable.js";

/** One thing wrong with a file: where (UTF-16 offset into its text) and what, with a suggestion. */
export interface Problem {
  readonly offset: number;
  readonly message: string;
}

/** `web1.yaml:12:5`: 1-based line, 1-based column in UTF-16 units, as editors count. */
export function wordPosition(file: string, text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  const column = offset - (before.lastIndexOf("\n") + 1) + 1;
  return `${printable(file)}:${line}:${column}`;
}
