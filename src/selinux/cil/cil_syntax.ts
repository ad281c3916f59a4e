import { SelinuxInputError } from "../../errors/index.js";

/** A list or a word of CIL, with the 1-based line that it begins in. */
export type CilNode = CilList | CilWord;
export interface CilList {
  readonly line: number;
  readonly items: readonly CilNode[];
}
export interface CilWord {
  readonly line: number;
  readonly word: string;
}

/** Largest text that is read, in characters: a distribution's whole policy has some 15 million. */
const TEXT_LENGTH_MAX = 64 * 1024 * 1024;
/** Deeper than any policy nests; it bounds what reading costs. */
const DEPTH_MAX = 128;
const TOKEN = /;[^\n]*|"[^"\n]*"|[()]|[^\s();"]+|\n/g;

/** Reads the lists of a CIL file. Throws SelinuxInputError "cil-malformed" with the line. */
export function parseCil(file: string, text: string): CilList[] {
  if (text.length > TEXT_LENGTH_MAX) throw malformed(file, 1, `more than ${TEXT_LENGTH_MAX} characters`);
  const root: CilNode[] = [];
  const open: { readonly line: number; readonly items: CilNode[] }[] = [];
  let line = 1;
  for (const [token] of text.matchAll(TOKEN)) {
    const items = open.at(-1)?.items ?? root;
    if (token === "\n") line += 1;
    else if (token === "(") {
      if (open.length === DEPTH_MAX) throw malformed(file, line, `more than ${DEPTH_MAX} lists within each other`);
      const list = { line, items: [] };
      items.push(list);
      open.push(list);
    } else if (token === ")") {
      if (open.pop() === undefined) throw malformed(file, line, "a list is closed that was not opened");
    } else if (!token.startsWith(";")) {
      if (open.length === 0) throw malformed(file, line, `${JSON.stringify(token)} stands outside of a list`);
      items.push({ line, word: token });
    }
  }
  const [unclosed] = open;
  if (unclosed !== undefined) throw malformed(file, unclosed.line, "this list is not closed");
  return root.filter(isList);
}

export function isList(node: CilNode | undefined): node is CilList {
  return node !== undefined && "items" in node;
}

/** A word, or undefined for a list. */
export function wordOf(node: CilNode | undefined): string | undefined {
  return node !== undefined && "word" in node ? node.word : undefined;
}

function malformed(file: string, line: number, answer: string): SelinuxInputError {
  return new SelinuxInputError({ code: "cil-malformed", tried: `${file}:${line}: ${answer}`, subject: file });
}
