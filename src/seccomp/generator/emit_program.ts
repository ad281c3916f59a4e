import { ALU, CLASS, INSTRUCTIONS_MAX, JMP, MODE } from "../bpf_opcodes.js";
import type { BpfInstruction } from "../bpf_program.js";
import { type DecisionGraph, type GraphNode, type NodeId, type TestKind, tooLong } from "./decision_graph.js";

/** jt and jf are bytes: struct sock_filter of include/uapi/linux/filter.h. */
const CONDITIONAL_JUMP_MAX = 255;
const CONDITIONS: Readonly<Record<TestKind, number>> = { equal: JMP.jeq, "at-least": JMP.jge, "any-bit": JMP.jset };

/** How often each node is reached; only the order matters. */
export type NodeWeights = ReadonlyMap<NodeId, number>;

/**
 * Lays a graph out as a program. It is written from its end, so that everything a step jumps to lies behind it already; of two
 * ends the more frequent is written last and so lies nearer. A conditional jump that cannot reach its end goes through a copy
 * of the end's first instruction, or through a jump where a copy could not reach further either.
 * Throws SeccompInputError "filter-too-long".
 */
export function emitProgram(graph: DecisionGraph, root: NodeId, weights: NodeWeights): BpfInstruction[] {
  const writer = new ProgramWriter(graph, weights);
  writer.write(root);
  return writer.instructions();
}

class ProgramWriter {
  readonly #graph: DecisionGraph;
  readonly #weights: NodeWeights;
  /** Last instruction first. */
  readonly #reversed: BpfInstruction[] = [];
  /** Index in `#reversed` of the nearest instruction that does what the node does. */
  readonly #places = new Map<NodeId, number>();

  constructor(graph: DecisionGraph, weights: NodeWeights) {
    this.#graph = graph;
    this.#weights = weights;
  }

  instructions(): BpfInstruction[] {
    if (this.#reversed.length > INSTRUCTIONS_MAX) throw tooLong(`${this.#reversed.length} instructions`);
    return [...this.#reversed].reverse();
  }

  /** Writes what is not written yet of a node and everything behind it. */
  write(id: NodeId): void {
    if (this.#places.has(id)) return;
    const node = this.#graph.node(id);
    for (const end of this.#endsColdFirst(node)) this.write(end);
    this.#place(id, node);
  }

  #endsColdFirst(node: GraphNode): NodeId[] {
    if (node.kind === "answer") return [];
    if (node.kind !== "test") return [node.next];
    const weightOf = (end: NodeId): number => this.#weights.get(end) ?? 0;
    return [node.met, node.unmet].sort((a, b) => weightOf(a) - weightOf(b));
  }

  #place(id: NodeId, node: GraphNode): void {
    switch (node.kind) {
      case "answer":
        this.#push(id, { code: CLASS.ret, operand: node.value });
        break;
      case "load":
        this.#continueAt(node.next);
        this.#push(id, { code: CLASS.ld | MODE.abs, operand: node.offset });
        break;
      case "and":
        this.#continueAt(node.next);
        this.#push(id, { code: CLASS.alu | ALU.and, operand: node.mask });
        break;
      case "test":
        this.#placeTest(id, node);
    }
  }

  /** What follows a step that does not jump must stand right behind it. */
  #continueAt(next: NodeId): void {
    if (this.#distance(next) > 0) this.#bringNear(next);
  }

  #placeTest(id: NodeId, node: Extract<GraphNode, { kind: "test" }>): void {
    // Bringing one end nearer pushes the other away by one.
    while (this.#distance(node.met) > CONDITIONAL_JUMP_MAX || this.#distance(node.unmet) > CONDITIONAL_JUMP_MAX) {
      this.#bringNear(this.#distance(node.met) > this.#distance(node.unmet) ? node.met : node.unmet);
    }
    this.#push(id, {
      code: CLASS.jmp | CONDITIONS[node.test],
      jumpTrue: this.#distance(node.met),
      jumpFalse: this.#distance(node.unmet),
      operand: node.operand,
    });
  }

  /** A copy of an answer or a test costs no more room than a jump to it, and no step. */
  #bringNear(id: NodeId): void {
    const node = this.#graph.node(id);
    const isNear = (end: NodeId): boolean => this.#distance(end) <= CONDITIONAL_JUMP_MAX;
    if (node.kind === "answer") this.#place(id, node);
    else if (node.kind === "test" && isNear(node.met) && isNear(node.unmet)) this.#placeTest(id, node);
    else this.#push(id, { code: CLASS.jmp | JMP.ja, operand: this.#distance(id) });
  }

  /** Instructions between one written next and the node's. */
  #distance(id: NodeId): number {
    const place = this.#places.get(id);
    if (place === undefined) throw new RangeError(`node ${id} is not written yet`);
    return this.#reversed.length - place - 1;
  }

  #push(id: NodeId, instruction: Pick<BpfInstruction, "code" | "operand"> & Partial<BpfInstruction>): void {
    this.#places.set(id, this.#reversed.length);
    this.#reversed.push({ jumpTrue: 0, jumpFalse: 0, ...instruction });
  }
}
