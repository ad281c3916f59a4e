import { type BitOrder, WORD_BITS } from "./call_words.js";
import { type Diagrams, FALSE, type Node, TRUE } from "./diagram.js";

/** A 32-bit value that depends on the call, as 32 conditions, lowest bit first. Interned: equal functions of the call are one number. */
export type Value = number;

type Bits = readonly Node[];

/** The operations of the kernel's machine on values, bit by bit as a circuit would: nothing is approximated. */
export class BitVectors {
  readonly #diagrams: Diagrams;
  readonly #bits: Bits[] = [];
  readonly #known = new Map<string, Value>();
  readonly #results = new Map<string, Value>();
  readonly #constants = new Map<number, Value>();
  readonly #order: BitOrder;
  readonly #words = new Map<number, Value>();

  constructor(diagrams: Diagrams, order: BitOrder) {
    this.#diagrams = diagrams;
    this.#order = order;
  }

  /** A word of the call. */
  word(index: number): Value {
    const known = this.#words.get(index);
    if (known !== undefined) return known;
    const bit = (place: number): Node => this.#diagrams.decide(this.#order[WORD_BITS * index + place] as number, FALSE, TRUE);
    const value = this.intern(Array.from({ length: WORD_BITS }, (_, place) => bit(place)));
    this.#words.set(index, value);
    return value;
  }

  constant(number: number): Value {
    const known = this.#constants.get(number);
    if (known !== undefined) return known;
    const value = this.intern(Array.from({ length: WORD_BITS }, (_, bit) => ((number >>> bit) & 1) as Node));
    this.#constants.set(number, value);
    return value;
  }

  bits(value: Value): Bits {
    return this.#bits[value] as Bits;
  }

  intern(bits: Bits): Value {
    const key = bits.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, this.#bits.length);
    return this.#bits.push(bits) - 1;
  }

  add(a: Value, b: Value): Value {
    return this.#remember("add", a, b, () => this.#sum(this.bits(a), this.bits(b), FALSE).sum);
  }

  subtract(a: Value, b: Value): Value {
    return this.#remember("subtract", a, b, () => this.#sum(this.bits(a), this.#inverse(this.bits(b)), TRUE).sum);
  }

  and(a: Value, b: Value): Value {
    return this.#remember("and", a, b, () => this.#bitwise(a, b, (x, y) => this.#diagrams.and(x, y)));
  }

  or(a: Value, b: Value): Value {
    return this.#remember("or", a, b, () => this.#bitwise(a, b, (x, y) => this.#diagrams.or(x, y)));
  }

  xor(a: Value, b: Value): Value {
    return this.#remember("xor", a, b, () => this.#bitwise(a, b, (x, y) => this.#diagrams.xor(x, y)));
  }

  /** Sum of the first operand shifted by each set bit of the second. */
  multiply(a: Value, b: Value): Value {
    return this.#remember("multiply", a, b, () => {
      let product: Bits = this.bits(this.constant(0));
      this.bits(b).forEach((bit, place) => {
        if (bit === FALSE) return;
        const addend = shifted(this.bits(a), place).map((one) => this.#diagrams.and(bit, one));
        product = this.#sum(product, addend, FALSE).sum;
      });
      return product;
    });
  }

  /** Long division, highest bit first. Where the divisor is 0 the result means nothing: the machine has ended there. */
  divide(a: Value, b: Value): Value {
    return this.#remember("divide", a, b, () => {
      const divisor = [...this.#inverse(this.bits(b)), TRUE];
      const quotient: Node[] = new Array<Node>(WORD_BITS).fill(FALSE);
      let rest: Bits = new Array<Node>(WORD_BITS).fill(FALSE);
      for (let bit = WORD_BITS - 1; bit >= 0; bit -= 1) {
        // One bit wider than a word: twice a rest below the divisor.
        const dividend = [this.bits(a)[bit] as Node, ...rest];
        const { sum, carry } = this.#sum(dividend, divisor, TRUE);
        // No borrow: the divisor fits.
        quotient[bit] = carry;
        rest = dividend.slice(0, WORD_BITS).map((one, place) => this.#diagrams.select(carry, sum[place] as Node, one));
      }
      return quotient;
    });
  }

  /** By the low five bits of the second operand, a power of two at a time. */
  shiftLeft(a: Value, b: Value): Value {
    return this.#remember("shift-left", a, b, () => this.#shift(a, b, 1));
  }

  shiftRight(a: Value, b: Value): Value {
    return this.#remember("shift-right", a, b, () => this.#shift(a, b, -1));
  }

  isEqual(a: Value, b: Value): Node {
    const diagrams = this.#diagrams;
    return this.#fold(a, b, TRUE, (x, y, below) => {
      // A constant bit needs no comparison, and nearly all are constant.
      if (y === TRUE) return diagrams.and(x, below);
      return y === FALSE ? diagrams.without(below, x) : diagrams.select(diagrams.xor(x, y), FALSE, below);
    });
  }

  /** Unsigned. */
  isGreater(a: Value, b: Value): Node {
    return this.#compare(a, b, FALSE);
  }

  /** Unsigned. */
  isAtLeast(a: Value, b: Value): Node {
    return this.#compare(a, b, TRUE);
  }

  /** Whether a bit is set in both. */
  shareBit(a: Value, b: Value): Node {
    return this.#fold(a, b, FALSE, (x, y, below) => this.#diagrams.or(this.#diagrams.and(y, x), below));
  }

  #compare(a: Value, b: Value, whenEqual: Node): Node {
    const diagrams = this.#diagrams;
    return this.#fold(a, b, whenEqual, (x, y, below) => {
      if (y === TRUE) return diagrams.and(x, below);
      return y === FALSE ? diagrams.or(x, below) : diagrams.select(diagrams.xor(x, y), x, below);
    });
  }

  #remember(operation: string, a: Value, b: Value, compute: () => Bits): Value {
    const key = `${operation} ${a} ${b}`;
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    const result = this.intern(compute());
    this.#results.set(key, result);
    return result;
  }

  /** From the lowest bit to the highest, which stands first in the order: what was folded so far is only ever hung below. */
  #fold(a: Value, b: Value, start: Node, step: (x: Node, y: Node, below: Node) => Node): Node {
    const [left, right] = [this.bits(a), this.bits(b)];
    return left.reduce((below, bit, place) => step(bit, right[place] as Node, below), start);
  }

  #bitwise(a: Value, b: Value, operation: (x: Node, y: Node) => Node): Bits {
    return this.bits(a).map((bit, place) => operation(bit, this.bits(b)[place] as Node));
  }

  #inverse(bits: Bits): Bits {
    return bits.map((bit) => this.#diagrams.not(bit));
  }

  #sum(a: Bits, b: Bits, carryIn: Node): { sum: Bits; carry: Node } {
    const diagrams = this.#diagrams;
    let carry = carryIn;
    const sum = a.map((x, place) => {
      const y = b[place] as Node;
      const half = diagrams.xor(x, y);
      const bit = diagrams.xor(half, carry);
      carry = diagrams.select(half, carry, x);
      return bit;
    });
    return { sum, carry };
  }

  #shift(a: Value, b: Value, direction: 1 | -1): Bits {
    const distance = this.bits(b);
    return [0, 1, 2, 3, 4].reduce((bits, power) => {
      const moved = shifted(bits, direction << power);
      return bits.map((bit, place) => this.#diagrams.select(distance[power] as Node, moved[place] as Node, bit));
    }, this.bits(a));
  }
}

/** Towards higher places; a negative distance is towards lower ones. */
function shifted(bits: Bits, distance: number): Bits {
  return bits.map((_, place) => bits[place - distance] ?? FALSE);
}
