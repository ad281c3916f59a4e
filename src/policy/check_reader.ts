import { type ArgumentCheck, widthMask } from "../seccomp/index.js";
import { type KeyPath, quotePath } from "../text/index.js";
import type { EntryReader, Mapping } from "./entry_reader.js";
import { type ArgumentPlace, type OwnConstants, ValueReader } from "./value_reader.js";

type Comparison = ArgumentCheck extends infer C ? (C extends unknown ? Omit<C, "index" | "width" | "text"> : never) : never;
interface WordedComparison {
  readonly text: string;
  readonly comparison: Comparison;
}

const ORDER = ["<", "<=", ">", ">="] as const;
const OPERATORS = ["==", "!=", ...ORDER, "in", "not-in", "with", "without", "only", "mask", "equals", "differs", "width"];

/** Reads what a rule says of one argument. All comparisons of one argument must hold. */
export class CheckReader {
  private readonly entries: EntryReader;
  private readonly values: ValueReader;

  constructor(entries: EntryReader, own: OwnConstants) {
    this.entries = entries;
    this.values = new ValueReader(entries, own);
  }

  /** `NAME` is equality, a list is any of, a mapping holds operators and may state the width. */
  read(written: unknown, path: KeyPath, place: ArgumentPlace): ArgumentCheck[] {
    if (Array.isArray(written)) return complete([this.alternatives("in", written, path, place)], place);
    if (typeof written !== "object" || written === null) return complete([this.equality("==", written, path, place)], place);
    const operators = written as Mapping;
    this.entries.knownKeys(operators, path, OPERATORS);
    const width = this.width(operators, path) ?? place.width;
    const stated = { ...place, width };
    const read = Object.keys(operators).filter((key) => OPERATORS.includes(key) && key !== "width");
    if (read.length === 0) this.entries.refuse(path, `${quotePath(path)} compares nothing`);
    return complete(
      read.map((operator) => this.compare(operator, operators, path, stated)),
      stated,
    );
  }

  private width(operators: Mapping, path: KeyPath): 32 | 64 | undefined {
    const width = operators["width"];
    if (width === undefined || width === 32 || width === 64) return width;
    return this.entries.refuse([...path, "width"], `${quotePath([...path, "width"])} must be 32 or 64`);
  }

  private compare(operator: string, operators: Mapping, path: KeyPath, place: ArgumentPlace): WordedComparison | undefined {
    const written = operators[operator];
    const at = [...path, operator];
    switch (operator) {
      case "==":
      case "!=":
        return this.equality(operator, written, at, place);
      case "in":
      case "not-in":
        return this.alternatives(operator, written, at, place);
      case "with":
      case "without":
      case "only":
        return this.bits(operator, written, at, place);
      case "mask":
        return this.masked(operators, path, place);
      case "equals":
      case "differs":
        return operators["mask"] === undefined ? this.entries.refuse(at, `"${operator}" needs a "mask" beside it`) : undefined;
      default: {
        const bound = this.values.bound(written, at, place);
        const op = operator as (typeof ORDER)[number];
        return bound && { text: `${op} ${bound.text}`, comparison: { op, value: bound.value } };
      }
    }
  }

  private equality(op: "==" | "!=", written: unknown, path: KeyPath, place: ArgumentPlace): WordedComparison | undefined {
    const named = this.values.value(written, path, place);
    return named && { text: `${op} ${named.text}`, comparison: { op, value: named.value } };
  }

  private alternatives(op: "in" | "not-in", written: unknown, path: KeyPath, place: ArgumentPlace): WordedComparison | undefined {
    const values = this.values.values(written, path, place);
    if (values === undefined) return undefined;
    const text = `${op} [${values.map((value) => value.text).join(", ")}]`;
    return { text, comparison: { op, values: values.map(({ value }) => value) } };
  }

  private bits(
    operator: "with" | "without" | "only",
    written: unknown,
    path: KeyPath,
    place: ArgumentPlace,
  ): WordedComparison | undefined {
    const bits = this.values.bits(written, path, place);
    if (bits === undefined) return undefined;
    if (bits.value === 0n && operator !== "only")
      return this.entries.refuse(path, `${bits.text} has no bit, so the comparison decides nothing`);
    const mask = operator === "only" ? widthMask(place.width) & ~bits.value : bits.value;
    const value = operator === "with" ? bits.value : 0n;
    return { text: `${operator} ${bits.text}`, comparison: { op: "masked-equal", mask, value } };
  }

  private masked(operators: Mapping, path: KeyPath, place: ArgumentPlace): WordedComparison | undefined {
    const wanted = (["equals", "differs"] as const).filter((key) => operators[key] !== undefined);
    const [key] = wanted;
    if (key === undefined || wanted.length > 1)
      return this.entries.refuse([...path, "mask"], '"mask" needs one of "equals" and "differs" beside it');
    const mask = this.values.bits(operators["mask"], [...path, "mask"], place);
    const value = this.values.bits(operators[key], [...path, key], place);
    if (mask === undefined || value === undefined) return undefined;
    if ((value.value & ~mask.value) !== 0n)
      return this.entries.refuse([...path, key], `${value.text} has bits outside the mask ${mask.text}`);
    const op = key === "equals" ? "masked-equal" : "masked-not-equal";
    return { text: `& (${mask.text}) ${key} ${value.text}`, comparison: { op, mask: mask.value, value: value.value } };
  }
}

function complete(comparisons: readonly (WordedComparison | undefined)[], place: ArgumentPlace): ArgumentCheck[] {
  return comparisons
    .filter((worded) => worded !== undefined)
    .map(({ text, comparison }) => ({ index: place.index, width: place.width, text: `${place.name} ${text}`, ...comparison }));
}
