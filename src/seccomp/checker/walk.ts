import { type Answer, answerOfBits, constantAnswer, selectAnswer } from "./answer.js";
import type { BitVectors, Value } from "./bit_vector.js";
import type { Arithmetic, Instruction, Operand, Source, Test } from "./decode.js";
import { BudgetExceeded, type Diagrams, type Node } from "./diagram.js";
import { findLiveness, LIVE_A, LIVE_X, liveSlot, SLOTS } from "./liveness.js";

/** The machine as it stands before an instruction, each content a function of the call. What is never read again is 0. */
interface State {
  readonly a: Value;
  readonly x: Value;
  readonly slots: readonly Value[];
}

/** Where an instruction leads: to a state of a later instruction, by its number, or to the end. */
type Target = { readonly state: number } | { readonly answer: Answer };
type Continuation = Target | { readonly condition: Node; readonly yes: Target; readonly no: Target };

/** States of one program beyond which it is not walked further. libseccomp's programs have one or two per instruction. */
const STATES_MAX = 1 << 17;

/** The answer when a filter divides by an X of 0: SECCOMP_RET_KILL_THREAD. The kernel's conversion to eBPF ends the filter there. */
const ANSWER_OF_DIVISION_BY_ZERO = 0;

/** Walks all paths of one program. Ways that meet in one state are walked once from there on. */
export class ProgramWalk {
  readonly #diagrams: Diagrams;
  readonly #vectors: BitVectors;
  readonly #program: readonly Instruction[];
  readonly #live: Uint32Array;
  readonly #zero: Value;
  /** By instruction: the number of each state in which it is reached. */
  readonly #reached: Map<string, number>[];
  readonly #states: State[] = [];
  readonly #continuations: Continuation[] = [];
  readonly #constants = new Map<number, Answer>();

  constructor(program: readonly Instruction[], diagrams: Diagrams, vectors: BitVectors) {
    this.#diagrams = diagrams;
    this.#vectors = vectors;
    this.#program = program;
    this.#live = findLiveness(program);
    this.#zero = vectors.constant(0);
    this.#reached = program.map(() => new Map<string, number>());
  }

  /** The program's answer to each call. Throws BudgetExceeded. */
  answer(): Answer {
    const zero = this.#zero;
    this.#reach(0, { a: zero, x: zero, slots: new Array<Value>(SLOTS).fill(zero) });
    // Jumps go forward only: when an instruction's turn comes, every state in which it is reached is known.
    this.#program.forEach((instruction, index) => {
      for (const number of (this.#reached[index] as Map<string, number>).values()) {
        this.#continuations[number] = this.#execute(instruction, index, this.#states[number] as State);
      }
    });
    return this.#join();
  }

  /** From the last instruction back to the first, each state's answer from those that follow it. */
  #join(): Answer {
    const answers: Answer[] = [];
    const answerAt = (target: Target): Answer => ("answer" in target ? target.answer : (answers[target.state] as Answer));
    for (const states of this.#reached.toReversed()) {
      for (const number of states.values()) {
        const next = this.#continuations[number] as Continuation;
        answers[number] =
          "condition" in next
            ? selectAnswer(this.#diagrams, next.condition, { yes: answerAt(next.yes), no: answerAt(next.no) })
            : answerAt(next);
      }
    }
    return answers[0] as Answer;
  }

  #reach(index: number, state: State): Target {
    const live = this.#live[index] as number;
    const keep = (bit: number, value: Value): Value => ((live & bit) === 0 ? this.#zero : value);
    const a = keep(LIVE_A, state.a);
    const x = keep(LIVE_X, state.x);
    const slots = live < liveSlot(0) ? [] : state.slots.map((value, slot) => keep(liveSlot(slot), value));
    const states = this.#reached[index] as Map<string, number>;
    const key = `${a},${x},${slots.join()}`;
    const known = states.get(key);
    if (known !== undefined) return { state: known };
    if (this.#states.length === STATES_MAX) throw new BudgetExceeded(`more than ${STATES_MAX} states of the machine are reached`);
    const number = this.#states.push({ a, x, slots: slots.length === 0 ? new Array<Value>(SLOTS).fill(this.#zero) : slots }) - 1;
    states.set(key, number);
    return { state: number };
  }

  #execute(instruction: Instruction, index: number, state: State): Continuation {
    const next = (change: Partial<State>): Target => this.#reach(index + 1, { ...state, ...change });
    switch (instruction.kind) {
      case "load":
        return next({ [instruction.to]: this.#load(instruction.source, state) });
      case "store":
        return next({ slots: state.slots.with(instruction.slot, state[instruction.from]) });
      case "arithmetic":
        return this.#calculate(instruction.operation, instruction.operand, state, next);
      case "negate":
        return next({ a: this.#vectors.subtract(this.#zero, state.a) });
      case "move":
        return next(instruction.to === "a" ? { a: state.x } : { x: state.a });
      case "jump":
        return this.#reach(instruction.target, state);
      case "branch": {
        const condition = this.#test(instruction.test, state.a, this.#operand(instruction.operand, state));
        const [yes, no] = [this.#reach(instruction.yes, state), this.#reach(instruction.no, state)];
        return { condition, yes, no };
      }
      case "return":
        return { answer: this.#answerOf(instruction.value, state) };
    }
  }

  #answerOf(value: number | "a", state: State): Answer {
    if (value === "a") return answerOfBits(this.#diagrams, this.#vectors.bits(state.a));
    const known = this.#constants.get(value);
    if (known !== undefined) return known;
    const answer = constantAnswer(this.#diagrams, value);
    this.#constants.set(value, answer);
    return answer;
  }

  #load(source: Source, state: State): Value {
    if ("word" in source) return this.#vectors.word(source.word);
    return "slot" in source ? (state.slots[source.slot] as Value) : this.#vectors.constant(source.constant);
  }

  #operand(operand: Operand, state: State): Value {
    return operand === "x" ? state.x : this.#vectors.constant(operand);
  }

  #calculate(operation: Arithmetic, by: Operand, state: State, next: (change: Partial<State>) => Target): Continuation {
    const operand = this.#operand(by, state);
    const result = next({ a: this.#operate(operation, state.a, operand) });
    if (operation !== "divide") return result;
    const byZero = this.#vectors.isEqual(operand, this.#zero);
    return { condition: byZero, yes: { answer: this.#answerOf(ANSWER_OF_DIVISION_BY_ZERO, state) }, no: result };
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

  #test(test: Test, left: Value, right: Value): Node {
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
