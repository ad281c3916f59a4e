/** A node of a decision diagram: a decision on one bit, or an answer. Nodes of one store are equal functions when they are equal numbers. */
export type Node = number;

/** The two answers of a condition. */
export const FALSE: Node = 0;
export const TRUE: Node = 1;

/** Below every bit. */
const ANSWER_LEVEL = 0xffff;
/** Entries of the memory of operations stand in groups of four words: three operands, one result. */
const MEMO_WORDS = 4;
/** A condition is no operand when it is decided, so a first operand of 0 marks a free entry. */
const FREE = 0;

/** What one question may cost. Both are counted, not timed, so that the same question is always answered alike. */
export interface Budget {
  readonly nodesMax: number;
  readonly operationsMax: number;
}

/** A question that cannot be decided within its budget; the message says where it ended. */
export class BudgetExceeded extends Error {}

/**
 * Ordered, reduced decision diagrams with 32-bit answers at their ends, each distinct one stored once (R. Bryant, "Graph-based
 * algorithms for Boolean function manipulation", 1986; with many answers: E. Clarke and others, "Multi-terminal binary decision
 * diagrams", 1993). Along every path the levels grow, no node has twice the same child, and no two nodes have the same level and
 * children; so a function has exactly one node, and two functions are equal for all inputs exactly when their nodes are one.
 */
export class Diagrams {
  readonly #budget: Budget;
  #levels: Uint16Array;
  #lows: Uint32Array;
  #highs: Uint32Array;
  /** Open addressing; 0 is free, as no decision is node 0. */
  #unique: Uint32Array;
  #memo: Uint32Array;
  readonly #answers = new Map<number, Node>();
  #count = 0;
  #operations = 0;

  /** `nodesExpected`: room at the start, in nodes; it doubles when it is full. */
  constructor(budget: Budget, nodesExpected: number) {
    this.#budget = budget;
    const room = 2 ** Math.ceil(Math.log2(nodesExpected));
    this.#levels = new Uint16Array(room);
    this.#lows = new Uint32Array(room);
    this.#highs = new Uint32Array(room);
    this.#unique = new Uint32Array(room * 2);
    this.#memo = new Uint32Array(room * MEMO_WORDS);
    // FALSE and TRUE are no answers of a filter; they take the numbers that the constants above name.
    this.#append(ANSWER_LEVEL, 0, 0);
    this.#append(ANSWER_LEVEL, 0, 0);
  }

  /** Nodes made so far. */
  get size(): number {
    return this.#count;
  }

  /** The end that gives this unsigned 32-bit answer. */
  answer(value: number): Node {
    const known = this.#answers.get(value);
    if (known !== undefined) return known;
    const node = this.#append(ANSWER_LEVEL, value, 0);
    this.#answers.set(value, node);
    return node;
  }

  isEnd(node: Node): boolean {
    return this.#levels[node] === ANSWER_LEVEL;
  }

  /** The answer at an end made by `answer`. */
  answerOf(end: Node): number {
    return this.#lows[end] as number;
  }

  /** Position of the bit that a node decides on; ends stand below all bits. */
  level(node: Node): number {
    return this.#levels[node] as number;
  }

  /** What follows when the bit is 0. */
  low(node: Node): Node {
    return this.#lows[node] as Node;
  }

  /** What follows when the bit is 1. */
  high(node: Node): Node {
    return this.#highs[node] as Node;
  }

  /** The node that decides on one bit; `low` and `high` must decide on later bits only. */
  decide(level: number, low: Node, high: Node): Node {
    if (low === high) return low;
    const mask = this.#unique.length - 1;
    let slot = mix(level, low, high) & mask;
    for (let found = this.#unique[slot] as Node; found !== 0; found = this.#unique[slot] as Node) {
      if (this.#levels[found] === level && this.#lows[found] === low && this.#highs[found] === high) return found;
      slot = (slot + 1) & mask;
    }
    const node = this.#append(level, low, high);
    this.#unique[slot] = node;
    if (this.#count * 2 > this.#unique.length) this.#rehash();
    return node;
  }

  /** For each input: what `yes` gives where the condition holds, what `no` gives elsewhere. */
  select(condition: Node, yes: Node, no: Node): Node {
    if (condition === TRUE || yes === no) return yes;
    if (condition === FALSE) return no;
    const whenTrue = yes === condition ? TRUE : yes;
    const whenFalse = no === condition ? FALSE : no;
    if (whenTrue === TRUE && whenFalse === FALSE) return condition;
    const mask = this.#memo.length - MEMO_WORDS;
    const slot = (mix(condition, whenTrue, whenFalse) * MEMO_WORDS) & mask;
    const memo = this.#memo;
    if (memo[slot] === condition && memo[slot + 1] === whenTrue && memo[slot + 2] === whenFalse) return memo[slot + 3] as Node;
    const result = this.#split(condition, whenTrue, whenFalse);
    // Splitting may have replaced the memory by a larger one; this slot is then a wrong place, and only lost.
    this.#memo[slot] = condition;
    this.#memo[slot + 1] = whenTrue;
    this.#memo[slot + 2] = whenFalse;
    this.#memo[slot + 3] = result;
    return result;
  }

  not(condition: Node): Node {
    return this.select(condition, FALSE, TRUE);
  }

  and(a: Node, b: Node): Node {
    return this.select(a, b, FALSE);
  }

  /** Where `a` holds and `b` does not. */
  without(a: Node, b: Node): Node {
    return this.select(b, FALSE, a);
  }

  or(a: Node, b: Node): Node {
    return this.select(a, TRUE, b);
  }

  xor(a: Node, b: Node): Node {
    return this.select(a, this.not(b), b);
  }

  #split(condition: Node, yes: Node, no: Node): Node {
    if (++this.#operations > this.#budget.operationsMax) {
      throw new BudgetExceeded(`more than ${this.#budget.operationsMax} steps are needed`);
    }
    const levels = this.#levels;
    const level = Math.min(levels[condition] as number, levels[yes] as number, levels[no] as number);
    const low = this.select(this.#at(level, condition, false), this.#at(level, yes, false), this.#at(level, no, false));
    const high = this.select(this.#at(level, condition, true), this.#at(level, yes, true), this.#at(level, no, true));
    return this.decide(level, low, high);
  }

  #at(level: number, node: Node, bit: boolean): Node {
    if (this.#levels[node] !== level) return node;
    return (bit ? this.#highs[node] : this.#lows[node]) as Node;
  }

  #append(level: number, low: number, high: number): Node {
    const node = this.#count;
    if (node >= this.#budget.nodesMax)
      throw new BudgetExceeded(`more than ${this.#budget.nodesMax} distinct decisions are needed`);
    if (node === this.#levels.length) this.#grow();
    this.#levels[node] = level;
    this.#lows[node] = low;
    this.#highs[node] = high;
    this.#count += 1;
    return node;
  }

  #grow(): void {
    const length = this.#levels.length * 2;
    const levels = new Uint16Array(length);
    levels.set(this.#levels);
    this.#levels = levels;
    for (const side of ["lows", "highs"] as const) {
      const wider = new Uint32Array(length);
      wider.set(side === "lows" ? this.#lows : this.#highs);
      if (side === "lows") this.#lows = wider;
      else this.#highs = wider;
    }
    // Twice the nodes, twice the memory of operations; what it held is computed again where needed.
    this.#memo = new Uint32Array(length * MEMO_WORDS).fill(FREE);
  }

  #rehash(): void {
    const unique = new Uint32Array(this.#unique.length * 2);
    const mask = unique.length - 1;
    for (let node = 0; node < this.#count; node += 1) {
      if (this.isEnd(node)) continue;
      let slot = mix(this.#levels[node] as number, this.#lows[node] as Node, this.#highs[node] as Node) & mask;
      while (unique[slot] !== 0) slot = (slot + 1) & mask;
      unique[slot] = node;
    }
    this.#unique = unique;
  }
}

/** Spreads three numbers over 32 bits; odd multipliers of Knuth's multiplicative hashing and of MurmurHash3's finaliser. */
function mix(a: number, b: number, c: number): number {
  let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
