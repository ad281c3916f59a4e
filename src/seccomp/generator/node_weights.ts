import { type CallFrequency, numberOfCall } from "../call_frequency.js";
import { AUDIT_ARCH_X86_64, packSyscallData } from "../emulator.js";
import type { DecisionGraph, NodeId } from "./decision_graph.js";
import type { NodeWeights } from "./emit_program.js";

/** Walks every measured call through the graph and counts where it comes by. */
export function weighNodes(graph: DecisionGraph, root: NodeId, frequencies: readonly CallFrequency[]): NodeWeights {
  const weights = new Map<NodeId, number>();
  for (const call of frequencies) {
    const data = packSyscallData({ arch: AUDIT_ARCH_X86_64, number: numberOfCall(call), args: call.args });
    for (const id of pathOf(graph, root, data)) weights.set(id, (weights.get(id) ?? 0) + call.count);
  }
  return weights;
}

function* pathOf(graph: DecisionGraph, root: NodeId, data: Uint32Array): Generator<NodeId> {
  let a = 0;
  for (let id = root; ; ) {
    yield id;
    const node = graph.node(id);
    switch (node.kind) {
      case "answer":
        return;
      case "load":
        a = data[node.offset / 4] ?? 0;
        id = node.next;
        break;
      case "and":
        a = (a & node.mask) >>> 0;
        id = node.next;
        break;
      case "test": {
        const holds =
          node.test === "equal" ? a === node.operand : node.test === "at-least" ? a >= node.operand : (a & node.operand) !== 0;
        id = holds ? node.met : node.unmet;
      }
    }
  }
}
