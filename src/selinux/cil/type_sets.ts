import { type CilNode, isList, wordOf } from "./cil_syntax.js";

/**
 * Which types each attribute has. Attributes are given by expressions of types and other attributes: and, or, not, xor, all. A name
 * that is no attribute is a type, declared here or elsewhere.
 */
export class TypeSets {
  readonly #types: ReadonlySet<string>;
  readonly #expressions: ReadonlyMap<string, readonly CilNode[]>;
  readonly #known = new Map<string, ReadonlySet<string>>();

  /** `expressions` has every attribute, with all that is put into it. */
  constructor(types: ReadonlySet<string>, expressions: ReadonlyMap<string, readonly CilNode[]>) {
    this.#types = types;
    this.#expressions = expressions;
  }

  /** The types that a name stands for: those of an attribute, or the type itself. */
  typesOf(name: string): ReadonlySet<string> {
    const expressions = this.#expressions.get(name);
    if (expressions === undefined) return new Set([name]);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // While it is read it counts as empty: an attribute that contains itself adds nothing by that.
    this.#known.set(name, new Set());
    const types = new Set(expressions.flatMap((expression) => [...this.#read(expression)]));
    this.#known.set(name, types);
    return types;
  }

  #read(node: CilNode | undefined): ReadonlySet<string> {
    const name = wordOf(node);
    if (name !== undefined) return name === "all" ? this.#types : this.typesOf(name);
    if (!isList(node)) return new Set();
    const [first, ...rest] = node.items;
    const [left = new Set<string>(), right = new Set<string>()] = rest.map((one) => this.#read(one));
    const operators: Readonly<Record<string, () => readonly string[]>> = {
      and: () => [...left].filter((type) => right.has(type)),
      or: () => [...left, ...right],
      xor: () => [...[...left].filter((type) => !right.has(type)), ...[...right].filter((type) => !left.has(type))],
      not: () => [...this.#types].filter((type) => !left.has(type)),
      all: () => [...this.#types],
    };
    const word = wordOf(first) ?? "";
    const operate = Object.hasOwn(operators, word) ? operators[word] : undefined;
    return new Set(operate === undefined ? node.items.flatMap((item) => [...this.#read(item)]) : operate());
  }
}
