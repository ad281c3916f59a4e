import { type Constant, type ConstantFamily, constantNames, findConstant } from "../seccomp/index.js";
import { type KeyPath, quotePath, quoteValue } from "../text/index.js";
import { type EntryReader, suggestion } from "./entry_reader.js";

/** An argument as a rule names it: where it stands and which constants name its values. */
export interface ArgumentPlace {
  readonly name: string;
  readonly index: 0 | 1 | 2 | 3 | 4 | 5;
  readonly width: 32 | 64;
  readonly family: ConstantFamily | null;
}

/** Constants that a policy file defines for itself, by name. */
export type OwnConstants = ReadonlyMap<string, bigint>;

/** A value with the words it was written in. */
export interface NamedValue {
  readonly text: string;
  /** Two's complement at the argument's width. */
  readonly value: bigint;
}

/** The only numbers without a name that equality takes: nothing has a better word for them. */
const BARE_NUMBERS: readonly unknown[] = [0, -1];

/** Reads `NAME`, `NAME|NAME`, 0 or -1; any whole number where an order is compared. Undefined after a noted problem. */
export class ValueReader {
  private readonly entries: EntryReader;
  private readonly own: OwnConstants;

  constructor(entries: EntryReader, own: OwnConstants) {
    this.entries = entries;
    this.own = own;
  }

  value(written: unknown, path: KeyPath, place: ArgumentPlace): NamedValue | undefined {
    if (typeof written === "string") return this.names(written.split("|"), path, place);
    if (BARE_NUMBERS.includes(written)) return this.fit({ text: String(written), value: BigInt(written as number) }, path, place);
    return this.entries.refuse(
      path,
      `${quotePath(path)} must name a constant, not ${quoteValue(written)}; only 0 and -1 need no name`,
    );
  }

  /** For < and its like, where sizes and counts have no names. */
  bound(written: unknown, path: KeyPath, place: ArgumentPlace): NamedValue | undefined {
    if (typeof written !== "number") return this.value(written, path, place);
    if (Number.isSafeInteger(written) && written >= 0)
      return this.fit({ text: String(written), value: BigInt(written) }, path, place);
    return this.entries.refuse(path, `${quotePath(path)} must be a whole number that is not negative, not ${written}`);
  }

  /** `NAME`, `NAME|NAME` or a list of them, all bits joined. */
  bits(written: unknown, path: KeyPath, place: ArgumentPlace): NamedValue | undefined {
    if (!Array.isArray(written)) return this.value(written, path, place);
    return this.names(written, path, place);
  }

  /** A list of alternatives. */
  values(written: unknown, path: KeyPath, place: ArgumentPlace): NamedValue[] | undefined {
    const list = this.entries.list(written, path);
    if (list.length === 0) return this.entries.refuse(path, `${quotePath(path)} lists no value; no call would match`);
    const read = list.map((item, index) => this.value(item, [...path, index], place));
    const known = read.filter((value) => value !== undefined);
    known.forEach((value, index) => {
      const twin = known.slice(0, index).find((earlier) => earlier.value === value.value);
      if (twin !== undefined) this.entries.refuse([...path, index], `${value.text} has the value of ${twin.text} before it`);
    });
    return known.length === list.length ? known : undefined;
  }

  private names(words: readonly unknown[], path: KeyPath, place: ArgumentPlace): NamedValue | undefined {
    const read = words.map((word) => this.name(typeof word === "string" ? word.trim() : word, path, place));
    if (read.length === 0) return this.entries.refuse(path, `${quotePath(path)} names no constant`);
    const known = read.filter((value) => value !== undefined);
    if (known.length !== read.length) return undefined;
    return { text: known.map(({ text }) => text).join("|"), value: known.reduce((joined, { value }) => joined | value, 0n) };
  }

  private name(word: unknown, path: KeyPath, place: ArgumentPlace): NamedValue | undefined {
    if (typeof word !== "string")
      return this.entries.refuse(path, `${quotePath(path)} must name constants, not ${quoteValue(word)}`);
    const own = this.own.get(word);
    if (own !== undefined) return this.fit({ text: word, value: own }, path, place);
    const constant = findConstant(word);
    if (constant === undefined) return this.unknown(word, path, place);
    if (place.family !== null && constant.family !== place.family) return this.foreign(constant, path, place);
    return this.fit({ text: word, value: constant.value }, path, place);
  }

  private unknown(word: string, path: KeyPath, place: ArgumentPlace): undefined {
    const candidates = [...this.own.keys(), ...(place.family === null ? [] : constantNames(place.family))];
    const hint = suggestion(word, candidates) || '; define it under "constants" with its header';
    return this.entries.refuse(path, `no constant ${quoteValue(word)} for ${place.name}${hint}`);
  }

  private foreign(constant: Constant, path: KeyPath, place: ArgumentPlace): undefined {
    const hint = place.family === null ? "" : suggestion(constant.name, constantNames(place.family));
    return this.entries.refuse(path, `${constant.name} (${constant.header}) is no value of ${place.name}${hint}`);
  }

  private fit(named: NamedValue, path: KeyPath, place: ArgumentPlace): NamedValue | undefined {
    const wrapped = BigInt.asUintN(place.width, named.value);
    if (named.value < 0n || wrapped === named.value) return { text: named.text, value: wrapped };
    return this.entries.refuse(path, `${named.text} does not fit ${place.name}, which is ${place.width} bits wide`);
  }
}
