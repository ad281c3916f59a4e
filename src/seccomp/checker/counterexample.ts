import { describeEffect, effectOf, precedenceOf } from "../effect.js";
import { type Answer, findChanged, findWeaker } from "./answer.js";
import { ARCH_X86_64, type Call, findCall, findEnd } from "./call.js";
import type { CallSpace } from "./call_space.js";
import { WORD, WORD_BITS } from "./call_words.js";
import { FALSE, type Node, TRUE } from "./diagram.js";

/** `weaker`: lets more through. `other`: as strong, but with other data, as another error number. */
export type Direction = "weaker" | "stricter" | "other";

/** A call that two filters answer differently. */
export interface CallDifference {
  readonly call: Call;
  /** As `allow`, `errno 38`. */
  readonly a: string;
  readonly b: string;
  /** How `b` differs from `a`. */
  readonly direction: Direction;
}

/** Two filters' answers in one space. */
export interface AnswerPair {
  readonly a: Answer;
  readonly b: Answer;
}

/**
 * A call that the two answer differently: one where `b` is weaker when there is one, and of those one as programs make them
 * when there is one. Null when they are equal.
 */
export function findDifference(space: CallSpace, { a, b }: AnswerPair): CallDifference | null {
  if (isSame(a, b)) return null;
  const { diagrams } = space;
  const plain = plainCalls(space);
  for (const region of [findWeaker(diagrams, a, b), findChanged(diagrams, a, b)]) {
    for (const candidates of [diagrams.and(plain, region), region]) {
      if (candidates !== FALSE) return differenceAt(space, { a, b }, findCall(diagrams, space.order, candidates));
    }
  }
  return null;
}

function isSame(a: Answer, b: Answer): boolean {
  return a.action === b.action && a.data.every((bit, place) => bit === b.data[place]);
}

/** What each of the two answers to one call. */
export function differenceAt(space: CallSpace, { a, b }: AnswerPair, call: Call): CallDifference {
  const [planned, actual] = [answerTo(space, a, call), answerTo(space, b, call)];
  return {
    call,
    a: describeEffect(effectOf(planned)),
    b: describeEffect(effectOf(actual)),
    direction: directionOf(planned, actual),
  };
}

/** The 32-bit answer to one call. */
export function answerTo({ diagrams, order }: CallSpace, answer: Answer, call: Call): number {
  const action = diagrams.answerOf(findEnd(diagrams, order, { node: answer.action, call }));
  return answer.data.reduce((sum, bit, place) => {
    return findEnd(diagrams, order, { node: bit, call }) === TRUE ? sum + 2 ** place : sum;
  }, action);
}

function directionOf(a: number, b: number): Direction {
  const [planned, actual] = [precedenceOf(a), precedenceOf(b)];
  if (planned === actual) return "other";
  return actual > planned ? "weaker" : "stricter";
}

/** Above the 547 of x32's last call no table has a number: arch/x86/entry/syscalls/syscall_64.tbl. */
const NUMBER_BITS = 10;

/** Calls of x86-64 with a number that some table could have, from nowhere in particular. */
function plainCalls({ diagrams, order }: CallSpace): Node {
  let plain: Node = TRUE;
  const require = (word: number, place: number, one: boolean): void => {
    const bit = diagrams.decide(order[WORD_BITS * word + place] as number, FALSE, TRUE);
    plain = diagrams.and(one ? bit : diagrams.not(bit), plain);
  };
  for (let place = 0; place < WORD_BITS; place += 1) {
    require(WORD.arch, place, ((ARCH_X86_64 >>> place) & 1) === 1);
    if (place >= NUMBER_BITS) require(WORD.number, place, false);
    require(WORD.pointerLow, place, false);
    require(WORD.pointerHigh, place, false);
  }
  return plain;
}
