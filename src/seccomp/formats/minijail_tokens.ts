import { type ImportRequest, invalidFormat, requireLength } from "./imported_policy.js";

/** A word or sign of a policy line. */
export interface MinijailToken {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** Tokens of one statement, which a backslash at a line's end continues. */
export type Statement = readonly MinijailToken[];

const BLANK = /\s+|#.*$/y;
const TOKEN = /@[a-z]+|-?0[xX][0-9a-fA-F]+|-?[0-9]+|[A-Za-z_][A-Za-z0-9_@-]*|\|\||&&|==|!=|<=|>=|[<>=&|~:;,(){}[\]]|\.?\/\S+/y;

/** Splits a policy into statements. Throws SeccompInputError "format-invalid" with line and column. */
export function tokenizeMinijail(request: ImportRequest): Statement[] {
  requireLength(request);
  const statements: Statement[] = [];
  let tokens: MinijailToken[] = [];
  request.text.split(/\r?\n/).forEach((line, index) => {
    const continued = line.endsWith("\\");
    // Not spread into push(): a hostile line has more tokens than a call may have arguments.
    tokens = tokens.concat(tokenizeLine(continued ? line.slice(0, -1) : line, index + 1, request.file));
    if (continued) return;
    if (tokens.length > 0) statements.push(tokens);
    tokens = [];
  });
  return tokens.length > 0 ? [...statements, tokens] : statements;
}

function tokenizeLine(text: string, line: number, file: string): MinijailToken[] {
  const tokens: MinijailToken[] = [];
  for (let offset = 0; offset < text.length; ) {
    BLANK.lastIndex = offset;
    const blank = BLANK.exec(text);
    if (blank !== null && blank[0] !== "") {
      offset += blank[0].length;
      continue;
    }
    TOKEN.lastIndex = offset;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) throw invalidFormat(file, `${line}:${offset + 1}`, "no word or sign of a policy");
    tokens.push({ text: token, line, column: offset + 1 });
    offset += token.length;
  }
  return tokens;
}

/** Reads tokens one after the other. */
export class TokenReader {
  readonly #statement: Statement;
  readonly #file: string;
  #next = 0;

  constructor(file: string, statement: Statement) {
    this.#file = file;
    this.#statement = statement;
  }

  get done(): boolean {
    return this.#next >= this.#statement.length;
  }

  /** The next token's text, left where it is; empty at the end. */
  peek(): string {
    return this.#statement[this.#next]?.text ?? "";
  }

  take(what: string): string {
    const token = this.#statement[this.#next];
    if (token === undefined) return this.refuse(`${what} is missing`);
    this.#next += 1;
    return token.text;
  }

  /** Takes the next token if it is this one. */
  accept(text: string): boolean {
    if (this.peek() !== text) return false;
    this.#next += 1;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.refuse(`${JSON.stringify(text)} is missing`);
  }

  /** Where the statement begins. */
  get line(): number {
    return this.#statement[0]?.line ?? 1;
  }

  /** Throws SeccompInputError "format-invalid" at the token that was taken last. */
  refuse(answer: string): never {
    const token = this.#statement[Math.max(0, Math.min(this.#next, this.#statement.length) - 1)];
    throw invalidFormat(this.#file, `${token?.line ?? 1}:${token?.column ?? 1}`, answer);
  }
}
