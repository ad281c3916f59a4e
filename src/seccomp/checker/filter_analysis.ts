import { describeEffect, type EffectKind, effectOf } from "../effect.js";
import { SYSCALL_NUMBERS } from "../syscall_numbers.js";
import { type Answer, findAnswered } from "./answer.js";
import { ARCH_X86_64, type Call, findCall } from "./call.js";
import { type CallSet, conditionOf } from "./call_sets.js";
import { CallSpace, type FilterSource } from "./call_space.js";
import { argumentWords, WORD, WORD_BITS } from "./call_words.js";
import { answerTo } from "./counterexample.js";
import { type Budget, type Diagrams, FALSE, type Node, TRUE } from "./diagram.js";

/** What a set of calls is answered, and a call that is. */
export interface AnswerSeen {
  /** As `allow`, `errno 38`. */
  readonly answer: string;
  readonly action: EffectKind;
  /** The error number, or other data of the action. */
  readonly data: number;
  readonly example: Call;
}

/** Answers that let a call happen. What is notified or traced is for another process to decide, and does not count. */
const PASSING: ReadonlySet<EffectKind> = new Set(["allow", "log"]);
/** Different answers of one set that are told apart; filters with computed error numbers have thousands. */
const ANSWERS_MAX = 16;
/** A high half that no constant of the kernel has: a comparison of all 64 bits with one comes out the same for each low half. */
const STRANGE_HIGH = 0xa5a5a5a5;

/**
 * Decides questions about a filter for all calls: what it answers, not how it is written. Rules, a program and a stack are asked
 * alike. The constructor and every method throw BudgetExceeded; the constructor throws SeccompInputError "rules-conflict".
 */
export class FilterAnalysis {
  readonly #space: CallSpace;
  readonly #answer: Answer;
  /** Which calls pass. */
  readonly #passing: Node;
  /** Which calls of x86-64 pass, by number and arguments; made when it is first asked for. */
  #native: Node | undefined;
  readonly #bySyscall = new Map<string, Node>();

  constructor(source: FilterSource, budget?: Budget) {
    this.#space = new CallSpace([source], budget);
    this.#answer = this.#space.answer(source);
    this.#passing = passingCalls(this.#space.diagrams, this.#answer);
  }

  /** A call of the set that the filter lets through; null when there is none. */
  findPassing(set: CallSet): Call | null {
    if (isOneSyscall(set)) return this.#callOf(set.syscall, this.#passingOf(set.syscall));
    return this.#callIn(this.#space.diagrams.and(conditionOf(this.#space, set), this.#passing));
  }

  /** A call of the set that the filter does not let through; null when all pass. */
  findRefused(set: CallSet): Call | null {
    if (isOneSyscall(set)) return this.#callOf(set.syscall, this.#space.diagrams.not(this.#passingOf(set.syscall)));
    return this.#callIn(this.#space.diagrams.without(conditionOf(this.#space, set), this.#passing));
  }

  /** The different answers to the calls of a set, at most 16. */
  answersTo(set: CallSet): AnswerSeen[] {
    const { diagrams } = this.#space;
    const seen: AnswerSeen[] = [];
    let rest = conditionOf(this.#space, set);
    while (rest !== FALSE && seen.length < ANSWERS_MAX) {
      const example = findCall(diagrams, this.#space.order, rest);
      const value = answerTo(this.#space, this.#answer, example);
      const effect = effectOf(value);
      seen.push({ answer: describeEffect(effect), ...effect, example });
      rest = diagrams.without(rest, findAnswered(diagrams, this.#answer, value));
    }
    return seen;
  }

  /** Whether the arch of a call decides nothing about whether it passes. */
  get ignoresArch(): boolean {
    const levels = this.#levels(WORD.arch);
    return this.#passing !== FALSE && !levels.some((level) => this.#dependsOn(this.#passing).has(level));
  }

  /**
   * A call that passes for the high half of an argument alone, and is refused with a high half of 0: the kernel takes both for the
   * same where the argument is int-sized. Null when there is none.
   */
  findPassingByHighHalf(syscall: string, argument: number): Call | null {
    const { diagrams } = this.#space;
    const passing = this.#passingOf(syscall);
    if (diagrams.isEnd(passing)) return null;
    const plain = this.#assign(passing, argumentWords(argument).high, 0);
    return this.#callOf(syscall, diagrams.without(passing, plain));
  }

  /**
   * A call that passes with any high half of an argument whose low half is compared as a number: all eight bits of its top byte
   * decide, which no test of single flags needs. Null when there is none.
   */
  findLowHalfCompared(syscall: string, argument: number): Call | null {
    const { low, high } = argumentWords(argument);
    const passing = this.#passingOf(syscall);
    if (this.#space.diagrams.isEnd(passing)) return null;
    const strange = this.#assign(passing, high, STRANGE_HIGH);
    const decided = this.#dependsOn(strange);
    const topByte = this.#levels(low).slice(24);
    if (!topByte.every((level) => decided.has(level))) return null;
    const call = this.#callOf(syscall, strange);
    if (call === null) return null;
    const args = call.args.map((value, index) => (index === argument ? value | (BigInt(STRANGE_HIGH) << 32n) : value));
    return { ...call, args };
  }

  /** Whether an argument of a syscall decides whether it passes. */
  isJudgedBy(syscall: string, argument: number): boolean {
    const { low, high } = argumentWords(argument);
    const decided = this.#dependsOn(this.#passingOf(syscall));
    return [...this.#levels(low), ...this.#levels(high)].some((level) => decided.has(level));
  }

  /** Which calls of one syscall pass, by its arguments. */
  #passingOf(syscall: string): Node {
    const known = this.#bySyscall.get(syscall);
    if (known !== undefined) return known;
    this.#native ??= this.#assign(this.#passing, WORD.arch, ARCH_X86_64);
    const passing = this.#assign(this.#native, WORD.number, SYSCALL_NUMBERS.get(syscall) as number);
    this.#bySyscall.set(syscall, passing);
    return passing;
  }

  #callIn(region: Node): Call | null {
    return region === FALSE ? null : findCall(this.#space.diagrams, this.#space.order, region);
  }

  #callOf(syscall: string, region: Node): Call | null {
    const call = this.#callIn(region);
    return call === null ? null : { ...call, number: SYSCALL_NUMBERS.get(syscall) as number, arch: ARCH_X86_64 };
  }

  /** The levels of a word's bits, lowest bit first. */
  #levels(word: number): number[] {
    return [...this.#space.order.subarray(WORD_BITS * word, WORD_BITS * (word + 1))];
  }

  /** What is left of a condition when a word has this value. */
  #assign(node: Node, word: number, value: number): Node {
    const { diagrams } = this.#space;
    const bits = new Map(this.#levels(word).map((level, place) => [level, ((value >>> place) & 1) === 1] as const));
    const known = new Map<Node, Node>();
    const visit = (here: Node): Node => {
      if (diagrams.isEnd(here)) return here;
      const found = known.get(here);
      if (found !== undefined) return found;
      const [low, high] = [diagrams.low(here), diagrams.high(here)];
      const bit = bits.get(diagrams.level(here));
      const left = bit === undefined ? diagrams.decide(diagrams.level(here), visit(low), visit(high)) : visit(bit ? high : low);
      known.set(here, left);
      return left;
    };
    return visit(node);
  }

  /** The levels of all bits that a condition depends on. */
  #dependsOn(node: Node): Set<number> {
    const { diagrams } = this.#space;
    const seen = new Set<Node>();
    const levels = new Set<number>();
    const visit = (here: Node): void => {
      if (diagrams.isEnd(here) || seen.has(here)) return;
      seen.add(here);
      levels.add(diagrams.level(here));
      visit(diagrams.low(here));
      visit(diagrams.high(here));
    };
    visit(node);
    return levels;
  }
}

/** All calls of one name: what decides them is at hand already. */
function isOneSyscall(set: CallSet): set is CallSet & { readonly syscall: string } {
  return set.syscall !== undefined && set.checks === undefined && (set.entry ?? "native") === "native";
}

function passingCalls(diagrams: Diagrams, { action }: Answer): Node {
  const known = new Map<Node, Node>();
  const visit = (here: Node): Node => {
    const found = known.get(here);
    if (found !== undefined) return found;
    const passing = diagrams.isEnd(here)
      ? PASSING.has(effectOf(diagrams.answerOf(here)).action)
        ? TRUE
        : FALSE
      : diagrams.decide(diagrams.level(here), visit(diagrams.low(here)), visit(diagrams.high(here)));
    known.set(here, passing);
    return passing;
  };
  return visit(action);
}
