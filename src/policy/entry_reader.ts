import { closestCandidate, type KeyPath, quotePath, quoteValue } from "../text/index.js";
import type { PolicyProblem, PolicyText } from "./policy_text.js";

export type Mapping = Readonly<Record<string, unknown>>;

/** Reads entries of one policy file and notes every problem with its position, so that all are reported at once. */
export class EntryReader {
  readonly text: PolicyText;
  readonly problems: PolicyProblem[];

  constructor(text: PolicyText) {
    this.text = text;
    this.problems = [...text.syntaxProblems];
  }

  /** Notes a problem and returns undefined, so that a reader can end with it. */
  refuse(path: KeyPath, message: string): undefined {
    this.problems.push({ position: this.text.positionOf(path), message });
    return undefined;
  }

  mapping(value: unknown, path: KeyPath): Mapping | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Mapping;
    return this.refuse(path, `${quotePath(path)} must be a mapping, not ${quoteValue(value)}`);
  }

  /** A list; an absent key is an empty one. */
  list(value: unknown, path: KeyPath): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value as unknown[];
    this.refuse(path, `${quotePath(path)} must be a list, not ${quoteValue(value)}`);
    return [];
  }

  /** Text that is not blank. */
  sentence(value: unknown, path: KeyPath): string | undefined {
    if (typeof value === "string" && value.trim() !== "") return value.trim();
    return this.refuse(path, `${quotePath(path)} must say something, not be ${quoteValue(value)}`);
  }

  /** The `why` of an entry: what triggers it, for the reviewer. */
  why(entry: Mapping, path: KeyPath): string | undefined {
    if (entry["why"] === undefined) return this.refuse(path, `${quotePath(path)} has no "why"; say what triggers it`);
    return this.sentence(entry["why"], [...path, "why"]);
  }

  word<T extends string>(value: unknown, path: KeyPath, allowed: readonly T[]): T | undefined {
    if (typeof value === "string" && (allowed as readonly string[]).includes(value)) return value as T;
    return this.refuse(path, `${quotePath(path)} must be one of ${allowed.join(", ")}, not ${quoteValue(value)}`);
  }

  flag(value: unknown, path: KeyPath): boolean | undefined {
    if (typeof value === "boolean") return value;
    return this.refuse(path, `${quotePath(path)} must be true or false, not ${quoteValue(value)}`);
  }

  count(value: unknown, path: KeyPath): number | undefined {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    return this.refuse(path, `${quotePath(path)} must be a whole number, not ${quoteValue(value)}`);
  }

  /** Notes every key that is not among `known`. */
  knownKeys(entry: Mapping, path: KeyPath, known: readonly string[]): void {
    for (const key of Object.keys(entry)) {
      if (!known.includes(key)) this.refuse([...path, key], `no key ${quoteValue(key)} here${suggestion(key, known)}`);
    }
  }
}

/** `; did you mean "openat"?`, or the choices when nothing is near and they are few. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const closest = closestCandidate(word, candidates);
  if (closest !== undefined) return `; did you mean "${closest}"?`;
  return candidates.length === 0 || candidates.length > CHOICES_SHOWN_MAX ? "" : `; there are: ${candidates.join(", ")}`;
}

const CHOICES_SHOWN_MAX = 24;
