import { type ImportRequest, invalidFormat, requireLength } from "./imported_policy.js";

/** A place in a JSON document, as a path of keys: `syscalls[3].args[0]`. */
export type JsonPath = string;

/** Strings, which may hold anything, and whole numbers too long for a double to be exact. */
const STRING_OR_LONG_NUMBER = /"(?:[^"\\]|\\.)*"|-?\b\d{16,}\b(?![.eE])/gs;
/** Marks a long number while JSON.parse runs; a string of a document that begins so is taken for a number too, and harms nobody. */
const MARK = "\u0000";

/** Reads a JSON document whose whole numbers stay exact at any length, and says where in it something is wrong. */
export class JsonReader {
  readonly #file: string;
  readonly root: unknown;

  /** Throws SeccompInputError "format-invalid" for malformed JSON. */
  constructor(request: ImportRequest) {
    requireLength(request);
    this.#file = request.file;
    try {
      const marked = request.text.replace(STRING_OR_LONG_NUMBER, (token) =>
        token.startsWith('"') ? token : `"\\u0000${token}"`,
      );
      this.root = JSON.parse(marked) as unknown;
    } catch (error) {
      throw invalidFormat(request.file, "1", `not JSON: ${(error as Error).message}`);
    }
  }

  /** Throws SeccompInputError "format-invalid". */
  refuse(path: JsonPath, answer: string): never {
    throw invalidFormat(this.#file, path === "" ? "1" : path, answer);
  }

  object(value: unknown, path: JsonPath): Readonly<Record<string, unknown>> {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
    return this.refuse(path, "must be an object");
  }

  /** An absent or null list is an empty one. */
  list(value: unknown, path: JsonPath): readonly unknown[] {
    if (value === undefined || value === null) return [];
    return Array.isArray(value) ? (value as unknown[]) : this.refuse(path, "must be a list");
  }

  text(value: unknown, path: JsonPath): string {
    return typeof value === "string" && !value.startsWith(MARK) ? value : this.refuse(path, "must be a string");
  }

  /** A whole number from 0 to `max`. */
  number(value: unknown, path: JsonPath, max: bigint): bigint {
    const exact = wholeNumber(value);
    if (exact === undefined || exact < 0n || exact > max) return this.refuse(path, `must be a whole number from 0 to ${max}`);
    return exact;
  }
}

function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : undefined;
}
