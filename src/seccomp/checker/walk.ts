import { type Answer, answerOfBits, selectAnswer } from "./answer.js";
import type { BitVectors, Value } from "./bit_vector.js";
import type { Arithmetic, Instruction, Operand, Source, Test } from "./decode.js";
import { BudgetExceeded, type Diagrams, FALSE, type Node, TRUE } from "./diagram.js";
import { findLiveness, LIVE_A, LIVE_X, liveSlot, SLOTS } from "./liveness.js";

/** The machine as it stands before an instruction, each content a function of the call. What is never read again is 0. */
interface Machine {
  readonly a: Value;
  readonly x: Value;
  readonly slots: readonly Value[];
}

/** A state in which an instruction is reached, and by which calls. */
interface State extends Machine {
  reach: Node;
}

/** States of one program beyond which it is not walked further. libseccomp's programs have one or two per instruction. */
const STATES_MAX = 1 << 17;

/** The answer when a filter divides by an X of 0: SECCOMP_RET_KILL_THREAD. The kernel's conversion to eBPF ends the filter there. */
const ANSWER_OF_DIVISION_BY_ZERO = 0;

/** Walks all paths of one program. Ways that meet in one state of the machine are walked once from there on, with all their calls. */
export class ProgramWalk {
  readonly #diagrams: Diagrams;
  readonly #vectors: BitVectors;
  readonly #program: readonly Instruction[];
  readonly #live: Uint32Array;
  readonly #zero: Value;
  /** By instruction, the states in which it is reached. */
  readonly #states: Map<string, State>[];
  readonly #conditions = new Map<string, Node>();
  #stateCount = 0;
  /** By what is returned: the calls that end there. */
  readonly #ends = new Map<Value, Node>();

  constructor(program: readonly Instruction[], diagrams: Diagrams, vectors: BitVectors) {
    this.#diagrams = diagrams;
    this.#vectors = vectors;
    this.#program = program;
    this.#live = findLiveness(program);
    this.#zero = vectors.constant(0);
    this.#states = program.map(() => new Map<string, State>());
  }

  /** The program's answer to each call. Throws BudgetExceeded. */
  answer(): Answer {
    const zero = this.#zero;
    this.#arrive(0, { a: zero, x: zero, slots: new Array<Value>(SLOTS).fill(zero), reach: TRUE });
    // Jumps go forward only: when an instruction's turn comes, all ways to it have been walked.
    for (const [index, instruction] of this.#program.entries()) {
      for (const state of this.#at(index).values()) this.#execute(instruction, index, state);
      this.#at(index).clear();
    }
    return this.#join();
  }

  /** Each call ends in one place: the calls of all ends together are all calls, and none is in two. */
  #join(): Answer {
    const [first, ...rest] = [...this.#ends].map(([value, calls]) => ({ answer: this.#answerOf(value), calls }));
    if (first === undefined) throw new RangeError("the BPF program returns nowhere");
    return rest.reduce(
      (joined, { answer, calls }) => selectAnswer(this.#diagrams, calls, { yes: answer, no: joined }),
      first.answer,
    );
  }

  #answerOf(value: Value): Answer {
    return answerOfBits(this.#diagrams, this.#vectors.bits(value));
  }

  #at(index: number): Map<string, State> {
    return this.#states[index] as Map<string, State>;
  }

  /** Adds calls that come to an instruction. What no call comes to is not walked. */
  #arrive(index: number, { a, x, slots, reach }: State): void {
    if (reach === FALSE) return;
    const live = this.#live[index] as number;
    const keep = (bit: number, value: Value): Value => ((live & bit) === 0 ? this.#zero : value);
    const kept = { a: keep(LIVE_A, a), x: keep(LIVE_X, x), slots: slots.map((value, slot) => keep(liveSlot(slot), value)) };
    const key = live < liveSlot(0) ? `${kept.a},${kept.x}` : `${kept.a},${kept.x},${kept.slots.join()}`;
    const known = this.#at(index).get(key);
    if (known !== undefined) {
      known.reach = this.#diagrams.or(known.reach, reach);
      return;
    }
    this.#stateCount += 1;
    if (this.#stateCount > STATES_MAX) throw new BudgetExceeded(`more than ${STATES_MAX} states of the machine are reached`);
    this.#at(index).set(key, { ...kept, reach });
  }

  #end(value: Value, calls: Node): void {
    this.#ends.set(value, this.#diagrams.or(this.#ends.get(value) ?? FALSE, calls));
  }

  #execute(instruction: Instruction, index: number, state: State): void {
    const next = (change: Partial<State>): void => this.#arrive(index + 1, { ...state, ...change });
    switch (instruction.kind) {
      case "load":
        next({ [instruction.to]: this.#load(instruction.source, state) });
        break;
      case "store":
        next({ slots: state.slots.with(instruction.slot, state[instruction.from]) });
        break;
      case "arithmetic":
        this.#calculate(instruction.operation, { operand: this.#operand(instruction.operand, state), state, next });
        break;
      case "negate":
        next({ a: this.#vectors.subtract(this.#zero, state.a) });
        break;
      case "move":
        next(instruction.to === "a" ? { a: state.x } : { x: state.a });
        break;
      case "jump":
        this.#arrive(instruction.target, state);
        break;
      case "branch": {
        const condition = this.#test(instruction.test, state.a, this.#operand(instruction.operand, state));
        this.#arrive(instruction.yes, { ...state, reach: this.#diagrams.and(state.reach, condition) });
        this.#arrive(instruction.no, { ...state, reach: this.#diagrams.without(state.reach, condition) });
        break;
      }
      case "return":
        this.#end(instruction.value === "a" ? state.a : this.#vectors.constant(instruction.value), state.reach);
        break;
    }
  }

  #load(source: Source, state: Machine): Value {
    if ("word" in source) return this.#vectors.word(source.word);
    return "slot" in source ? (state.slots[source.slot] as Value) : this.#vectors.constant(source.constant);
  }

  #operand(operand: Operand, state: Machine): Value {
    return operand === "x" ? state.x : this.#vectors.constant(operand);
  }

  #calculate(
    operation: Arithmetic,
    { operand, state, next }: { operand: Value; state: State; next: (change: Partial<State>) => void },
  ): void {
    let reach = state.reach;
    if (operation === "divide") {
      const byZero = this.#diagrams.and(reach, this.#vectors.isEqual(operand, this.#zero));
      this.#end(this.#vectors.constant(ANSWER_OF_DIVISION_BY_ZERO), byZero);
      reach = this.#diagrams.without(reach, byZero);
    }
    // Where no call comes to, nothing needs to be calculated.
    if (reach !== FALSE) next({ a: this.#operate(operation, state.a, operand), reach });
  }

  #operate(operation: Arithmetic, left: Value, right: Value): Value {
    const vectors = this.#vectors;
    switch (operation) {
      case "add":
        return vectors.add(left, right);
      case "subtract":
        return vectors.subtract(left, right);
      case "multiply":
        return vectors.multiply(left, right);
      case "divide":
        return vectors.divide(left, right);
      case "or":
        return vectors.or(left, right);
      case "and":
        return vectors.and(left, right);
      case "xor":
        return vectors.xor(left, right);
      case "shift-left":
        return vectors.shiftLeft(left, right);
      case "shift-right":
        return vectors.shiftRight(left, right);
    }
  }

  /** A filter asks the same of the same word many times. */
  #test(test: Test, left: Value, right: Value): Node {
    const key = `${test} ${left} ${right}`;
    const known = this.#conditions.get(key);
    if (known !== undefined) return known;
    const condition = this.#decide(test, left, right);
    this.#conditions.set(key, condition);
    return condition;
  }

  #decide(test: Test, left: Value, right: Value): Node {
    switch (test) {
      case "equal":
        return this.#vectors.isEqual(left, right);
      case "greater":
        return this.#vectors.isGreater(left, right);
      case "at-least":
        return this.#vectors.isAtLeast(left, right);
      case "share-bit":
        return this.#vectors.shareBit(left, right);
    }
  }
}
