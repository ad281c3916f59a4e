import { SeccompError, SeccompInputError } from "../../errors/index.js";
import { answerWithEffect } from "../effect.js";
import type { FilterRules } from "../phases.js";
import type { ArgumentCheck, SeccompAction, SyscallRule } from "../rule.js";
import { SYSCALL_NUMBERS } from "../syscall_numbers.js";
import { type Answer, constantAnswer, effectOfAnswer, selectAnswer } from "./answer.js";
import { ARCH_X86_64, type Call, findCall, wordCall } from "./call.js";
import { argumentWords, type BitOrder, WORD, WORD_BITS } from "./call_words.js";
import { type Diagrams, FALSE, type Node, TRUE } from "./diagram.js";

/** The rules of a filter for all calls there are. */
export interface RuleSet extends FilterRules {
  /** The answer for other arches and for x32, whose numbers mean other calls. Default: the process is killed. */
  readonly foreign?: SeccompAction;
}

/** __X32_SYSCALL_BIT: arch/x86/include/uapi/asm/unistd.h. From here on no number is one of x86-64's. */
const FIRST_X32_NUMBER = 0x40000000;
/** -1 is no call of any arch: a tracer writes it to have a call skipped. It gets the answer of an unknown number. */
const NO_CALL = 0xffffffff;

/** Rules of one syscall with one answer: which calls each matches, and which they match together. */
interface RuleGroup {
  readonly answer: Answer;
  condition: Node;
  readonly rules: [SyscallRule, Node][];
}

/**
 * The meaning of a rule set for all calls, from its rules as they are written. Throws SeccompInputError "rules-conflict" when two
 * rules answer one call differently, "rule-unknown-syscall", and BudgetExceeded.
 */
export class RuleDiagram {
  readonly #diagrams: Diagrams;
  readonly #order: BitOrder;

  constructor(diagrams: Diagrams, order: BitOrder) {
    this.#diagrams = diagrams;
    this.#order = order;
  }

  /** The arguments for which all of these hold. */
  condition(checks: readonly ArgumentCheck[]): Node {
    return checks.reduce((all, check) => this.#diagrams.and(all, this.#holds(check)), TRUE);
  }

  answer(set: RuleSet): Answer {
    const diagrams = this.#diagrams;
    const otherwise = this.#answerOf(set.otherwise);
    const foreign = this.#answerOf(set.foreign ?? { kind: "kill-process" });
    let native = otherwise;
    for (const syscall of new Set(set.rules.map((rule) => rule.syscall))) {
      const rules = set.rules.filter((rule) => rule.syscall === syscall);
      const is = this.#wordIs(WORD.number, numberOf(syscall));
      native = selectAnswer(diagrams, is, { yes: this.#answerOfRules(rules, otherwise), no: native });
    }
    const isX32 = diagrams.and(
      this.#wordAtLeast(WORD.number, FIRST_X32_NUMBER),
      diagrams.not(this.#wordIs(WORD.number, NO_CALL)),
    );
    const isNative = diagrams.and(this.#wordIs(WORD.arch, ARCH_X86_64), diagrams.not(isX32));
    return selectAnswer(diagrams, isNative, { yes: native, no: foreign });
  }

  /** Any rule that matches decides; rules of one syscall may overlap only where they agree. */
  #answerOfRules(rules: readonly SyscallRule[], otherwise: Answer): Answer {
    const byAnswer = new Map<string, RuleGroup>();
    for (const rule of rules) {
      const condition = this.condition(rule.checks);
      const answer = this.#answerOf(rule.action);
      const key = `${answer.action} ${answer.data.join()}`;
      for (const [other, group] of byAnswer) if (other !== key) this.#refuseOverlap(rule, condition, group);
      const group = byAnswer.get(key) ?? { answer, condition: FALSE, rules: [] };
      group.condition = this.#diagrams.or(group.condition, condition);
      group.rules.push([rule, condition]);
      byAnswer.set(key, group);
    }
    return [...byAnswer.values()].reduce(
      (rest, { condition, answer }) => selectAnswer(this.#diagrams, condition, { yes: answer, no: rest }),
      otherwise,
    );
  }

  #refuseOverlap(rule: SyscallRule, condition: Node, others: RuleGroup): void {
    if (this.#diagrams.and(condition, others.condition) === FALSE) return;
    for (const [other, otherCondition] of others.rules) {
      const both = this.#diagrams.and(condition, otherCondition);
      if (both === FALSE) continue;
      const call = { ...findCall(this.#diagrams, this.#order, both), number: numberOf(rule.syscall), arch: ARCH_X86_64 };
      throw conflict(call, [other, rule]);
    }
  }

  #answerOf(action: SeccompAction): Answer {
    const data = action.kind === "errno" ? action.errno : action.kind === "trace" ? action.data : 0;
    const answer = answerWithEffect({ action: action.kind, data });
    return effectOfAnswer(this.#diagrams, constantAnswer(this.#diagrams, answer));
  }

  /** Whether a comparison holds. Only the low `width` bits of the argument and of the values compared with count. */
  #holds(check: ArgumentCheck): Node {
    const diagrams = this.#diagrams;
    const bits = this.#argumentBits(check);
    switch (check.op) {
      case "==":
        return this.#equals(bits, check.value);
      case "!=":
        return diagrams.not(this.#equals(bits, check.value));
      case "<":
        return this.#isBelow(bits, check.value);
      case "<=":
        return diagrams.or(this.#isBelow(bits, check.value), this.#equals(bits, check.value));
      case ">":
        return diagrams.not(diagrams.or(this.#isBelow(bits, check.value), this.#equals(bits, check.value)));
      case ">=":
        return diagrams.not(this.#isBelow(bits, check.value));
      case "masked-equal":
        return this.#maskedEquals(bits, check.mask, check.value);
      case "masked-not-equal":
        return diagrams.not(this.#maskedEquals(bits, check.mask, check.value));
      case "in":
        return this.#isOneOf(bits, check.values);
      case "not-in":
        return diagrams.not(this.#isOneOf(bits, check.values));
    }
  }

  /** Levels of the bits that a check looks at, lowest bit first. */
  #argumentBits({ index, width }: ArgumentCheck): number[] {
    const { low, high } = argumentWords(index);
    return [low, ...(width === 64 ? [high] : [])].flatMap((word) => this.#wordBits(word));
  }

  #wordBits(word: number): number[] {
    return [...this.#order.subarray(WORD_BITS * word, WORD_BITS * (word + 1))];
  }

  #wordIs(word: number, value: number): Node {
    return this.#equals(this.#wordBits(word), BigInt(value));
  }

  #wordAtLeast(word: number, value: number): Node {
    return this.#diagrams.not(this.#isBelow(this.#wordBits(word), BigInt(value)));
  }

  #equals(levels: readonly number[], value: bigint): Node {
    return this.#build(levels, TRUE, (bit, below) => (isSet(value, bit) ? [FALSE, below] : [below, FALSE]));
  }

  #isBelow(levels: readonly number[], bound: bigint): Node {
    return this.#build(levels, FALSE, (bit, below) => (isSet(bound, bit) ? [TRUE, below] : [below, FALSE]));
  }

  /** `(argument & mask) == value`; never, when the value has a bit that the mask has not. */
  #maskedEquals(levels: readonly number[], mask: bigint, value: bigint): Node {
    return this.#build(levels, TRUE, (bit, below) => {
      if (!isSet(mask, bit)) return isSet(value, bit) ? [FALSE, FALSE] : [below, below];
      return isSet(value, bit) ? [FALSE, below] : [below, FALSE];
    });
  }

  #isOneOf(levels: readonly number[], values: readonly bigint[]): Node {
    return values.reduce((any, value) => this.#diagrams.or(any, this.#equals(levels, value)), FALSE);
  }

  /** From the lowest bit up: for each bit, what holds when it is 0 and when it is 1, given what holds of the bits below. */
  #build(levels: readonly number[], start: Node, sides: (bit: number, below: Node) => readonly [zero: Node, one: Node]): Node {
    return levels.reduce((below, level, bit) => {
      const [zero, one] = sides(bit, below);
      return this.#diagrams.select(this.#diagrams.decide(level, FALSE, TRUE), one, zero);
    }, start);
  }
}

function isSet(value: bigint, bit: number): boolean {
  return ((value >> BigInt(bit)) & 1n) === 1n;
}

function numberOf(syscall: string): number {
  const number = SYSCALL_NUMBERS.get(syscall);
  if (number !== undefined) return number;
  throw new SeccompError({
    code: "rule-unknown-syscall",
    tried: "Cannot prove a filter",
    subject: syscall,
    answer: `no syscall ${JSON.stringify(syscall)} on x86-64`,
    remedy: "Correct the rule that names it.",
  });
}

function conflict(call: Call, rules: readonly SyscallRule[]): SeccompInputError {
  const places = rules.map(({ position: { file, line, column } }) => `${file}:${line}:${column}`);
  return new SeccompInputError({
    code: "rules-conflict",
    tried: "Cannot compile the policy",
    subject: wordCall(call),
    answer: `the rules at ${places.join(" and ")} answer ${wordCall(call)} differently`,
    remedy: "Make their conditions exclude each other, so that every call has one answer.",
  });
}
