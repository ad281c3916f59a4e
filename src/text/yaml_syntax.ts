import type { CST, Document, ParsedNode } from "yaml";
import { loadYaml, type Yaml } from "./deferred_yaml.js";
import { printable } from "./printable.js";
import type { Problem } from "./problem.js";

/**
 * Most lexical tokens of a file, spaces and comments counted; a file of 64 devices has about 6,000. This bounds the parser, which
 * takes 0.4 s at most for so many: without a bound 1 MiB of brackets takes it 7 s, and then exhausts the heap.
 */
const TOKENS_MAX = 50_000;
/** Too short for so many tokens: a token is a character at least, and the lexer adds a mark or two beside it. */
const SURELY_FEW_CHARACTERS = TOKENS_MAX / 4;
/** Deepest nesting of collections; the deepest key of both files is at 4. This bounds the recursion of composer and reader. */
const DEPTH_MAX = 16;
/** Longest message of the YAML library that is passed on, in characters; some quote the file. */
const LIBRARY_MESSAGE_MAX = 160;

const REMEDIES: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "indent with spaces",
  BAD_INDENT: "align the line with its neighbours by spaces, and close every bracket",
  BAD_DQ_ESCAPE: "in double quotes write \\\\ for a backslash, or use single quotes",
  MISSING_CHAR: "close the quote or bracket, or put a space after the colon",
  MULTILINE_IMPLICIT_KEY: "put the key and its colon on one line",
};
const GENERAL_REMEDY = 'put text in quotes if it holds ": " or " #" or starts with a sign';

const NO_ALIASES = "anchors and aliases (&name, *name) are not used in this file; write the value out";
/** Syntax that can make a small file large, a value another type, or the file another YAML; none of it is needed here. */
const REFUSED_TOKENS: { readonly [Type in CST.Token["type"]]?: string } = {
  anchor: NO_ALIASES,
  alias: NO_ALIASES,
  tag: "tags (!name) are not used in this file; remove the tag, and quote the value if it is text",
  directive: "directives (%YAML, %TAG) are not used in this file; remove the line",
};

export interface ParsedYaml {
  /** The one node of the document; null when the file holds nothing but comments. */
  readonly root: ParsedNode | null;
  readonly problems: readonly Problem[];
}

/** Parses one YAML 1.2 document, core schema, without anchors, aliases, tags, directives and merge keys. Never throws. */
export function parseYamlSyntax(text: string): ParsedYaml {
  const yaml = loadYaml();
  const tooLarge = text.length > SURELY_FEW_CHARACTERS ? findExcess(yaml, text) : undefined;
  if (tooLarge !== undefined) return { root: null, problems: [tooLarge] };
  const tokens = [...new yaml.Parser().parse(text)];
  const refused = findRefusedSyntax(tokens);
  if (refused.length > 0) return { root: null, problems: refused };
  // Duplicate keys are looked for in the tree: the library compares each key with all others, which is quadratic.
  const composer = new yaml.Composer({ version: "1.2", schema: "core", merge: false, uniqueKeys: false, logLevel: "silent" });
  const documents = [...composer.compose(tokens, true, text.length)] as Document.Parsed[];
  const problems = documents.flatMap((document) => [...document.errors, ...document.warnings]).map(wordYamlError);
  return { root: documents[0]?.contents ?? null, problems };
}

/** Where the file exceeds what the parser is given, found by the lexer alone: its cost is linear and it does not recurse. */
function findExcess(yaml: Yaml, text: string): Problem | undefined {
  let offset = 0;
  let tokens = 0;
  for (const lexeme of new yaml.Lexer().lex(text)) {
    if (++tokens > TOKENS_MAX) {
      return { offset: Math.min(offset, text.length), message: `more than ${TOKENS_MAX} YAML tokens; split or shorten the file` };
    }
    if (!isControlLexeme(yaml, lexeme)) offset += lexeme.length;
  }
  return undefined;
}

/** Lexemes that the lexer inserts as marks, which stand for no character of the file. */
function isControlLexeme(yaml: Yaml, lexeme: string): boolean {
  return lexeme === yaml.CST.DOCUMENT || lexeme === yaml.CST.FLOW_END || lexeme === yaml.CST.SCALAR;
}

function tooDeep(offset: number): Problem {
  return { offset, message: `nested deeper than ${DEPTH_MAX} levels; no key of this file lies that deep` };
}

/** All syntax that these files do without. Iterative, because nesting is not bounded yet. */
function findRefusedSyntax(tokens: readonly CST.Token[]): Problem[] {
  const problems: Problem[] = [];
  let documents = 0;
  const pending = tokens.map((token) => ({ token, depth: 0 })).reverse();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    const refusal = refusalOf(token, token.type === "document" ? ++documents : documents);
    if (refusal !== undefined) problems.push({ offset: token.offset, message: refusal });
    if (depth > DEPTH_MAX) return [...problems, tooDeep(token.offset)];
    for (const child of childrenOf(token)) pending.push({ token: child, depth: depth + (isCollection(child) ? 1 : 0) });
  }
  return problems;
}

function refusalOf(token: CST.Token, documents: number): string | undefined {
  if (token.type !== "document") return REFUSED_TOKENS[token.type];
  return documents > 1 ? "a second YAML document starts here; keep one document per file" : undefined;
}

function isCollection(token: CST.Token): boolean {
  return token.type === "block-map" || token.type === "block-seq" || token.type === "flow-collection";
}

function childrenOf(token: CST.Token): CST.Token[] {
  if (token.type === "document") return [...token.start, ...(token.value ? [token.value] : [])];
  if (token.type === "block-scalar") return token.props;
  if (!("items" in token)) return [];
  const items = token.items as readonly CST.CollectionItem[];
  return items.flatMap((item) => [
    ...item.start,
    ...(item.key ? [item.key] : []),
    ...(item.sep ?? []),
    ...(item.value ? [item.value] : []),
  ]);
}

function wordYamlError(error: {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}): Problem {
  const message = printable(error.message.slice(0, LIBRARY_MESSAGE_MAX));
  return { offset: error.pos[0], message: `${message}; ${REMEDIES[error.code] ?? GENERAL_REMEDY}` };
}
