import { SeccompInputError } from "../../errors/index.js";
import { INSTRUCTIONS_MAX } from "../bpf_opcodes.js";

/** Conditional jumps that a graph uses; each compares A with a constant, so that the kernel can decide them ahead. */
export type TestKind = "equal" | "at-least" | "any-bit";

/** Index of a node in its graph. */
export type NodeId = number;

/**
 * One step of a decision. `load` and `and` change A and go on; `test` leaves it alone. Every path ends in an `answer`, whose
 * value is what the filter returns.
 */
export type GraphNode =
  | { readonly kind: "answer"; readonly value: number }
  | { readonly kind: "load"; readonly offset: number; readonly next: NodeId }
  | { readonly kind: "and"; readonly mask: number; readonly next: NodeId }
  | { readonly kind: "test"; readonly test: TestKind; readonly operand: number; readonly met: NodeId; readonly unmet: NodeId };

/** Nodes that a graph may have: more can never fit a program, and a policy that multiplies ends here instead of in memory. */
const NODES_MAX = 4 * INSTRUCTIONS_MAX;

/** Nodes of a filter without duplicates: two equal steps with equal ends are one, so whatever suffixes agree are shared. */
export class DecisionGraph {
  readonly #nodes: GraphNode[] = [];
  readonly #known = new Map<string, NodeId>();

  node(id: NodeId): GraphNode {
    const node = this.#nodes[id];
    if (node === undefined) throw new RangeError(`the graph has no node ${id}`);
    return node;
  }

  get size(): number {
    return this.#nodes.length;
  }

  answer(value: number): NodeId {
    return this.#intern(`r${value}`, { kind: "answer", value });
  }

  /** Nothing is loaded for an answer that no longer depends on it. */
  load(offset: number, next: NodeId): NodeId {
    return this.node(next).kind === "answer" ? next : this.#intern(`l${offset},${next}`, { kind: "load", offset, next });
  }

  and(mask: number, next: NodeId): NodeId {
    return this.node(next).kind === "answer" ? next : this.#intern(`a${mask},${next}`, { kind: "and", mask, next });
  }

  /** A test whose both ends are one is no test. */
  test(test: TestKind, operand: number, ends: { readonly met: NodeId; readonly unmet: NodeId }): NodeId {
    const { met, unmet } = ends;
    if (met === unmet) return met;
    return this.#intern(`${test}${operand},${met},${unmet}`, { kind: "test", test, operand, met, unmet });
  }

  #intern(key: string, node: GraphNode): NodeId {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#nodes.length >= NODES_MAX) throw tooLong(`more than ${NODES_MAX} steps`);
    this.#nodes.push(node);
    this.#known.set(key, this.#nodes.length - 1);
    return this.#nodes.length - 1;
  }
}

/** SeccompInputError "filter-too-long": the rules are meaningful, and no program of the kernel's size holds them. */
export function tooLong(answer: string): SeccompInputError {
  return new SeccompInputError({
    code: "filter-too-long",
    tried: "Cannot generate the filter",
    subject: "policy",
    answer: `it needs ${answer}; the kernel takes ${INSTRUCTIONS_MAX} instructions`,
    remedy: "Use fewer rules with several checked arguments for one syscall.",
  });
}
