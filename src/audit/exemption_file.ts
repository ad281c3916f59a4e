import { SpecError } from "../errors/index.js";
import { type KeyPath, parseYamlTree, quotePath, quoteValue, suggestFrom, wordPosition, type YamlTree } from "../text/index.js";
import type { Exemption } from "./exemptions.js";
import type { Location } from "./finding.js";

const KEYS = ["id", "subject", "reason", "expires"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export interface ExemptionFile {
  /** As it was named, for messages. */
  readonly file: string;
  readonly text: string;
  /** All checks there are. */
  readonly ids: readonly string[];
}

/**
 * Reads `exemptions: [{id, subject, reason, expires}]`, of which `subject` may be left out. Throws SpecError "exemptions-invalid"
 * with all problems as `file:line:column: message`.
 */
export function parseExemptions(request: ExemptionFile): Exemption[] {
  const reader = new ExemptionReader(request);
  const exemptions = reader.read();
  if (reader.problems.length === 0) return exemptions;
  throw new SpecError({ code: "exemptions-invalid", tried: reader.problems.join("\n"), subject: request.file });
}

type Mapping = Readonly<Record<string, unknown>>;

class ExemptionReader {
  readonly #request: ExemptionFile;
  readonly #tree: YamlTree;
  readonly problems: string[];

  constructor(request: ExemptionFile) {
    this.#request = request;
    this.#tree = parseYamlTree(request.text);
    this.problems = this.#tree.problems.map(({ offset, message }) => `${this.#wordOffset(offset)}: ${message}`);
  }

  read(): Exemption[] {
    if (this.problems.length > 0) return [];
    const root = asMapping(this.#tree.value);
    for (const key of Object.keys(root)) if (key !== "exemptions") this.#refuse([key], `no key ${quoteValue(key)} here`);
    const list = root["exemptions"];
    if (Array.isArray(list)) return list.map((entry, index) => this.#entry(asMapping(entry), ["exemptions", index]));
    this.#refuse([], 'the file has no list "exemptions"');
    return [];
  }

  #entry(entry: Mapping, path: KeyPath): Exemption {
    for (const key of Object.keys(entry)) if (!KEYS.includes(key)) this.#refuse([...path, key], `no key ${quoteValue(key)} here`);
    const [id, reason, expires] = (["id", "reason", "expires"] as const).map((key) => this.#text(entry, path, key)) as [
      string,
      string,
      string,
    ];
    const { ids } = this.#request;
    if (id !== "" && !ids.includes(id)) this.#refuse([...path, "id"], `no check ${quoteValue(id)}${suggestFrom(id, ids)}`);
    if (expires !== "" && !isDay(expires))
      this.#refuse([...path, "expires"], `${quoteValue(expires)} is no day such as "2026-12-31"`);
    const subject = entry["subject"] === undefined ? null : this.#text(entry, path, "subject");
    return { id, reason, expires, subject, location: this.#locate(path) };
  }

  #text(entry: Mapping, path: KeyPath, key: string): string {
    const value = entry[key];
    if (typeof value === "string" && value.trim() !== "") return value.trim();
    this.#refuse([...path, key], `${quotePath([...path, key])} must say something, not be ${quoteValue(value)}`);
    return "";
  }

  #refuse(path: KeyPath, message: string): void {
    this.problems.push(`${this.#wordOffset(this.#tree.offsetOf(path))}: ${message}`);
  }

  #locate(path: KeyPath): Location {
    const [, line = "1", column = "1"] = /:(\d+):(\d+)$/.exec(this.#wordOffset(this.#tree.offsetOf(path))) ?? [];
    return { file: this.#request.file, line: Number(line), column: Number(column) };
  }

  #wordOffset(offset: number): string {
    return wordPosition(this.#request.file, this.#request.text, offset);
  }
}

function asMapping(value: unknown): Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Mapping) : {};
}

function isDay(text: string): boolean {
  return DAY.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);
}
