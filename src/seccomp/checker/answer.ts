import { answerWithEffect, carriesData, effectOf, KNOWN_ACTIONS, precedenceOf, winningAnswer } from "../effect.js";
import type { Diagrams } from "./diagram.js";
import { FALSE, type Node, TRUE } from "./diagram.js";
import { combine, mapAnswers } from "./ends.js";

/**
 * What a filter answers to each call: a diagram whose ends are actions, and one condition for each of the 16 bits of data.
 * Data is 0 where the action shows it to nobody, so two filters have one effect on all calls exactly when all 17 nodes are the
 * same. Data stands apart because a program may answer with a word of the call: as ends that would be 2^16 answers.
 */
export interface Answer {
  readonly action: Node;
  readonly data: readonly Node[];
}

const DATA_BITS = 16;
const ACTION_BITS = 16;
/** Error numbers are cut down to 4095, which has 12 bits: MAX_ERRNO of include/linux/err.h. */
const ERRNO_BITS = 12;
const ERRNO = answerWithEffect({ action: "errno", data: 0 });
const NO_DATA: readonly Node[] = new Array<Node>(DATA_BITS).fill(FALSE);

/** Known actions from the strongest to the weakest. */
const ACTIONS = KNOWN_ACTIONS.toSorted((one, other) => precedenceOf(one) - precedenceOf(other));

export function constantAnswer(diagrams: Diagrams, answer: number): Answer {
  return answerOfBits(
    diagrams,
    Array.from({ length: ACTION_BITS + DATA_BITS }, (_, place) => (Math.floor(answer / 2 ** place) % 2 === 1 ? TRUE : FALSE)),
  );
}

/**
 * A 32-bit value, lowest bit first, as the answer that it is. Unknown actions all come to the same, but one that is stronger
 * than another filter's answer wins over it: so each is taken for the first that stands between the same two known ones.
 */
export function answerOfBits(diagrams: Diagrams, bits: readonly Node[]): Answer {
  const actionBits = bits.slice(DATA_BITS);
  let action = diagrams.answer(ACTIONS[0] as number);
  let withData: Node = FALSE;
  let isErrno: Node = FALSE;
  for (const known of ACTIONS) {
    const { equal, stronger } = compareSigned(diagrams, actionBits, known >>> DATA_BITS);
    const unknown = diagrams.answer((known + 2 ** DATA_BITS) >>> 0);
    // From the strongest on: what is not stronger than this one is this one, or unknown and weaker, or a later one.
    action = diagrams.select(equal, diagrams.answer(known), diagrams.select(stronger, action, unknown));
    if (carriesData(known)) withData = diagrams.or(withData, equal);
    if (known === ERRNO) isErrno = equal;
  }
  return { action, data: visibleData(diagrams, bits.slice(0, DATA_BITS), { withData, isErrno }) };
}

/** Cuts error numbers down, and leaves out what nobody sees. */
function visibleData(diagrams: Diagrams, bits: readonly Node[], seen: { withData: Node; isErrno: Node }): readonly Node[] {
  const tooGreat = bits.slice(ERRNO_BITS).reduce((any, bit) => diagrams.or(any, bit), FALSE);
  const cut = diagrams.and(seen.isErrno, tooGreat);
  return bits.map((bit, place) => {
    const kept = diagrams.select(cut, place < ERRNO_BITS ? TRUE : FALSE, bit);
    return diagrams.and(seen.withData, kept);
  });
}

/** How the action in these bits, lowest first, compares with a constant one as signed numbers. */
function compareSigned(diagrams: Diagrams, bits: readonly Node[], constant: number): { equal: Node; stronger: Node } {
  let equal: Node = TRUE;
  let stronger: Node = FALSE;
  bits.forEach((bit, place) => {
    const isSet = ((constant >>> place) & 1) === 1;
    const isSign = place === ACTION_BITS - 1;
    equal = isSet ? diagrams.and(bit, equal) : diagrams.and(diagrams.not(bit), equal);
    // The value is smaller where the constant alone has the bit; of the sign bit, where the value alone has it.
    if (isSet !== isSign) stronger = isSign ? diagrams.or(bit, stronger) : diagrams.or(diagrams.not(bit), stronger);
    else stronger = isSign ? diagrams.and(bit, stronger) : diagrams.and(diagrams.not(bit), stronger);
  });
  return { equal, stronger };
}

export function selectAnswer(diagrams: Diagrams, condition: Node, { yes, no }: { yes: Answer; no: Answer }): Answer {
  return {
    action: diagrams.select(condition, yes.action, no.action),
    data: yes.data.map((bit, place) => diagrams.select(condition, bit, no.data[place] as Node)),
  };
}

/** What counts of two filters' answers: the newer one's, unless the older one's is stronger. */
export function winAnswer(diagrams: Diagrams, newer: Answer, older: Answer): Answer {
  const olderWins = combine(diagrams, { a: newer.action, b: older.action }, (a, b) => {
    const answers = [diagrams.answerOf(a), diagrams.answerOf(b)];
    return answers[0] !== answers[1] && winningAnswer(answers) === answers[1] ? TRUE : FALSE;
  });
  return selectAnswer(diagrams, olderWins, { yes: older, no: newer });
}

/** No filter's answer is stronger than any: where none is, the call is allowed. */
export function allowAll(diagrams: Diagrams): Answer {
  return { action: diagrams.answer(winningAnswer([])), data: NO_DATA };
}

/** What the kernel makes of an answer: an unknown action kills the process. */
export function effectOfAnswer(diagrams: Diagrams, { action, data }: Answer): Answer {
  return { action: mapAnswers(diagrams, action, (answer) => answerWithEffect(effectOf(answer))), data };
}

/** The calls that two filters answer differently. */
export function findChanged(diagrams: Diagrams, a: Answer, b: Answer): Node {
  const otherAction = combine(diagrams, { a: a.action, b: b.action }, (one, other) => (one === other ? FALSE : TRUE));
  return a.data.reduce((any, bit, place) => diagrams.or(any, diagrams.xor(bit, b.data[place] as Node)), otherAction);
}

/** The calls that `b` answers less strictly than `a`. */
export function findWeaker(diagrams: Diagrams, a: Answer, b: Answer): Node {
  return combine(diagrams, { a: a.action, b: b.action }, (one, other) =>
    precedenceOf(diagrams.answerOf(other)) > precedenceOf(diagrams.answerOf(one)) ? TRUE : FALSE,
  );
}

/** The calls that get exactly this answer. */
export function findAnswered(diagrams: Diagrams, { action, data }: Answer, answer: number): Node {
  const wanted = constantAnswer(diagrams, answer);
  const sameAction = combine(diagrams, { a: action, b: wanted.action }, (one, other) => (one === other ? TRUE : FALSE));
  return data.reduce((all, bit, place) => {
    return diagrams.and(all, wanted.data[place] === TRUE ? bit : diagrams.not(bit));
  }, sameAction);
}
