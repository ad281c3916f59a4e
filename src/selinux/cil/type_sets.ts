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
    const word = wordOf(node);
    if (word !== undefined) return word === "all" ? this.#types : this.typesOf(word);
    if (!isList(node)) return new Set();
    const [first, ...rest] = node.items;
    const [left = new Set<string>(), right = new Set<string>()] = rest.map((one) => this.#read(one));
    switch (wordOf(first)) {
      case "and":
        return new Set([...left].filter((type) => right.has(type)));
      case "or":
        return new Set([...left, ...right]);
      case "xor":
        return new Set([...[...left].filter((type) => !right.has(type)), ...[...right].filter((type) => !left.has(type))]);
      case "not":
        return new Set([...this.#types].filter((type) => !left.has(type)));
      case "all":
        return this.#types;
      default:
        return new Set(node.items.flatMap((item) => [...this.#read(item)]));
    }
  }
}
