import type { Diagrams, Node } from "./diagram.js";

/** Replaces each answer of a diagram. */
export function mapAnswers(diagrams: Diagrams, node: Node, change: (answer: number) => number): Node {
  const known = new Map<Node, Node>();
  const visit = (here: Node): Node => {
    const found = known.get(here);
    if (found !== undefined) return found;
    const changed = diagrams.isEnd(here)
      ? diagrams.answer(change(diagrams.answerOf(here)))
      : diagrams.decide(diagrams.level(here), visit(diagrams.low(here)), visit(diagrams.high(here)));
    known.set(here, changed);
    return changed;
  };
  return visit(node);
}

/** A pair of diagrams read side by side. */
export interface Pair {
  readonly a: Node;
  readonly b: Node;
}

/** What an operation gives for the two answers to each input; it is given two ends, and makes an end. */
export function combine(diagrams: Diagrams, pair: Pair, join: (a: Node, b: Node) => Node): Node {
  const known = new Map<string, Node>();
  const visit = ({ a, b }: Pair): Node => {
    if (diagrams.isEnd(a) && diagrams.isEnd(b)) return join(a, b);
    const key = `${a},${b}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const level = Math.min(diagrams.level(a), diagrams.level(b));
    const low = (one: Node): Node => (diagrams.level(one) === level ? diagrams.low(one) : one);
    const high = (one: Node): Node => (diagrams.level(one) === level ? diagrams.high(one) : one);
    const node = diagrams.decide(level, visit({ a: low(a), b: low(b) }), visit({ a: high(a), b: high(b) }));
    known.set(key, node);
    return node;
  };
  return visit(pair);
}
