import type { ParsedNode, YAMLMap } from "yaml";
import { loadYaml, type Yaml } from "./deferred_yaml.js";
import { printable, quotePath, quoteValue } from "./printable.js";
import type { Problem } from "./problem.js";
import { parseYamlSyntax } from "./yaml_syntax.js";

export type KeyPath = readonly PropertyKey[];

/** A YAML file as plain data, with the place of every entry. */
export interface YamlTree {
  /** Objects without a prototype, arrays, strings, numbers, booleans and null. Undefined when the file could not be parsed. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Offset of the key (in a mapping) or the item (in a list) at `path`, or of the nearest entry above it. */
  offsetOf(path: KeyPath): number;
}

interface Place {
  readonly offset: number;
  readonly children: Map<PropertyKey, Place>;
}

/** Parses YAML into plain data. Never throws: what is wrong with the syntax is in `problems`. */
export function parseYamlTree(text: string): YamlTree {
  const { root, problems } = parseYamlSyntax(text);
  const place: Place = { offset: root?.range[0] ?? 0, children: new Map() };
  const offsetOf = (path: KeyPath) => findPlace(place, path).offset;
  if (problems.length > 0) return { value: undefined, problems, offsetOf };
  const reader = new TreeReader(loadYaml());
  const value = root === null ? undefined : reader.read(root, place, []);
  return { value, problems: reader.problems, offsetOf };
}

function findPlace(root: Place, path: KeyPath): Place {
  let place = root;
  for (const step of path) {
    const child = place.children.get(step);
    if (child === undefined) return place;
    place = child;
  }
  return place;
}

/** Turns nodes into data. Its recursion is bounded by the depth that parseYamlSyntax lets through. */
class TreeReader {
  readonly problems: Problem[] = [];
  private readonly yaml: Yaml;

  constructor(yaml: Yaml) {
    this.yaml = yaml;
  }

  read(node: ParsedNode | null, place: Place, path: KeyPath): unknown {
    if (node === null) return null;
    if (this.yaml.isMap(node)) return this.readMap(node as YAMLMap.Parsed, place, path);
    if (this.yaml.isSeq(node)) {
      return (node.items as ParsedNode[]).map((item, index) => {
        const itemPlace: Place = { offset: item.range[0], children: new Map() };
        place.children.set(index, itemPlace);
        return this.read(item, itemPlace, [...path, index]);
      });
    }
    const value = this.yaml.isScalar(node) ? node.value : null;
    if (typeof value === "string" && /\p{Surrogate}/u.test(value)) {
      this.problems.push({
        offset: node.range[0],
        message: `${quotePath(path)} is not valid Unicode; write a surrogate pair as one \\U escape`,
      });
    }
    return value;
  }

  private readMap(map: YAMLMap.Parsed, place: Place, path: KeyPath): Record<string, unknown> {
    // Without a prototype: a key named __proto__ or constructor is then a key like any other.
    const record = Object.create(null) as Record<string, unknown>;
    for (const pair of map.items) {
      const offset = (pair.key as ParsedNode | null)?.range[0] ?? map.range[0];
      const key = this.readKey(pair.key, offset, path);
      if (key === undefined) continue;
      if (place.children.has(key)) {
        this.problems.push({ offset, message: `duplicate key ${quoteValue(key)} in ${quotePath(path)}; remove one of the two` });
        continue;
      }
      const child: Place = { offset, children: new Map() };
      place.children.set(key, child);
      record[key] = this.read(pair.value, child, [...path, key]);
    }
    return record;
  }

  private readKey(node: ParsedNode | null, offset: number, path: KeyPath): string | undefined {
    const value = this.yaml.isScalar(node) ? node.value : undefined;
    if (value === "<<") {
      this.problems.push({ offset, message: "merge keys (<<) are not used in this file; write the keys out" });
      return undefined;
    }
    if (typeof value === "string") return value;
    const shown = this.yaml.isScalar(node) ? printable(String(node.source ?? "").slice(0, 60)) : "a collection";
    this.problems.push({
      offset,
      message: `a key of ${quotePath(path)} must be a word, not ${shown === "" ? "empty" : shown}; name the key`,
    });
    return undefined;
  }
}
