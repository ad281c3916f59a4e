import { constants as osConstants } from "node:os";
import { findConstant } from "../constants/index.js";
import type { ArgumentCheck, SeccompAction } from "../rule.js";
import type { TokenReader } from "./minijail_tokens.js";
import type { OrderedFilter } from "./ordered_rules.js";

const ALL = 0xffffffffffffffffn;
const ARGUMENT = /^arg[0-5]$/;
const NUMBER = /^-?(0[xX][0-9a-fA-F]+|[0-9]+)$/;
const COMPARISONS = ["==", "!=", "<", "<=", ">", ">="] as const;
/** Parentheses within each other: no real policy has more than two. */
const DEPTH_MAX = 16;
const ERRNO_MAX = 0xffffn;

/** `filter` of the grammar: one filter, or several in braces, whose first match decides. */
export function readMinijailFilters(reader: TokenReader): OrderedFilter[] {
  if (!reader.accept("{")) return [readFilter(reader)];
  const filters = [readFilter(reader)];
  while (reader.accept(",")) filters.push(readFilter(reader));
  reader.expect("}");
  return filters;
}

function readFilter(reader: TokenReader): OrderedFilter {
  if (!reader.peek().startsWith("arg")) return { clauses: null, action: readMinijailAction(reader) };
  const clauses = [readClause(reader)];
  while (reader.accept("||")) clauses.push(readClause(reader));
  return { clauses, action: reader.accept(";") ? readMinijailAction(reader) : { kind: "allow" } };
}

function readClause(reader: TokenReader): ArgumentCheck[] {
  const checks = [readAtom(reader)];
  while (reader.accept("&&")) checks.push(readAtom(reader));
  return checks;
}

/** Arguments are compared as 64 bits without a sign. */
function readAtom(reader: TokenReader): ArgumentCheck {
  const argument = reader.take("an argument");
  if (!ARGUMENT.test(argument)) reader.refuse(`${JSON.stringify(argument)} is none of arg0 to arg5`);
  const index = Number(argument.slice("arg".length)) as ArgumentCheck["index"];
  const op = reader.take("a comparison");
  const value = readValue(reader, 0);
  const place = { index, width: 64, text: `${argument} ${op} 0x${value.toString(16)}` } as const;
  if (op === "&") return { ...place, op: "masked-not-equal", mask: value, value: 0n };
  if (op === "in") return { ...place, op: "masked-equal", mask: ALL & ~value, value: 0n };
  const plain = COMPARISONS.find((known) => known === op);
  return plain === undefined ? reader.refuse(`no comparison ${JSON.stringify(op)}`) : { ...place, op: plain, value };
}

/** Constants joined by `|`, each with `~` before it or in parentheses. */
function readValue(reader: TokenReader, depth: number): bigint {
  if (depth > DEPTH_MAX) reader.refuse("too many parentheses within each other");
  let value = readConstant(reader, depth);
  while (reader.accept("|")) value |= readConstant(reader, depth);
  return value;
}

function readConstant(reader: TokenReader, depth: number): bigint {
  const inverted = reader.accept("~");
  let value: bigint;
  if (reader.accept("(")) {
    value = readValue(reader, depth + 1);
    reader.expect(")");
  } else value = readSingle(reader);
  return inverted ? ALL & ~value : value;
}

function readSingle(reader: TokenReader): bigint {
  const word = reader.take("a value");
  const errnos: Readonly<Record<string, number>> = osConstants.errno;
  if (NUMBER.test(word)) return readNumber(reader, word);
  const constant = findConstant(word)?.value ?? (Object.hasOwn(errnos, word) ? BigInt(errnos[word] ?? 0) : undefined);
  return constant === undefined ? reader.refuse(`no constant ${JSON.stringify(word)} is known`) : ALL & constant;
}

/** As strtol() reads it: a leading zero means octal. */
function readNumber(reader: TokenReader, word: string): bigint {
  const digits = word.replace("-", "");
  const octal = /^0[0-9]+$/.test(digits);
  if (octal && /[89]/.test(digits)) reader.refuse(`${word} is no octal number`);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  if (value > ALL) reader.refuse(`${word} does not fit 64 bits`);
  return word.startsWith("-") ? BigInt.asUintN(64, -value) : value;
}

/** An action of a rule. `kill` kills the process, as with minijail's --use-kill-process. */
export function readMinijailAction(reader: TokenReader): SeccompAction {
  const word = reader.take("an action");
  switch (word) {
    case "1":
    case "allow":
      return { kind: "allow" };
    case "kill":
    case "kill-process":
      return { kind: "kill-process" };
    case "kill-thread":
    case "trap":
    case "log":
      return { kind: word };
    case "trace":
      return { kind: "trace", data: 0 };
    case "user-notify":
      return { kind: "notify" };
    case "return": {
      const errno = readSingle(reader);
      return errno > ERRNO_MAX
        ? reader.refuse(`${errno} is no error number`)
        : { kind: "errno", errno: Number(errno), name: String(errno) };
    }
    default:
      return reader.refuse(`no action ${JSON.stringify(word)}`);
  }
}
