import type { BpfInstruction, BpfProgram } from "../bpf_program.js";
import { type CallFrequency, numberOfCall } from "../call_frequency.js";
import type { RuleSet } from "../checker/index.js";
import { AUDIT_ARCH_X86_64, evaluate } from "../emulator.js";
import { FilterGenerator } from "./generate_filter.js";

/** As many of a role's measured calls, from the most frequent on, count as hot. */
export const HOT_CALLS = 20;
/** Attempts to move calls forward; each but the last that helps nobody is followed by another. */
const ROUNDS = 6;
/** How much more a call counts from one attempt to the next. */
const BOOST = 8;

/**
 * Generates a program that runs, for each hot call, no more instructions than any peer's, where that can be had: an order that is best
 * on average can leave a call further back than a peer has it by chance. Of the attempts the one with the fewest such calls counts.
 * Throws as generateFilter does.
 */
export function generateNoWorse(rules: RuleSet, frequencies: readonly CallFrequency[], peers: readonly BpfProgram[]): BpfProgram {
  const hot = [...frequencies].sort((a, b) => b.count - a.count).slice(0, HOT_CALLS);
  const limits = hot.map((call) => Math.min(...peers.map(({ instructions }) => executedFor(instructions, call))));
  let weighted = frequencies;
  const generator = new FilterGenerator(rules, frequencies);
  let best = generator.generate(weighted);
  let bestWorse = worseCalls(best, hot, limits);
  for (let round = 1, worse = bestWorse; round < ROUNDS && worse.length > 0; round++) {
    weighted = weighted.map((call) =>
      worse.some((one) => isSameCall(one, call)) ? { ...call, count: call.count * BOOST } : call,
    );
    const program = generator.generate(weighted);
    worse = worseCalls(program, hot, limits);
    if (worse.length < bestWorse.length) [best, bestWorse] = [program, worse];
  }
  return best;
}

function worseCalls(program: BpfProgram, hot: readonly CallFrequency[], limits: readonly number[]): CallFrequency[] {
  return hot.filter((call, index) => executedFor(program.instructions, call) > (limits[index] as number));
}

function executedFor(instructions: readonly BpfInstruction[], call: CallFrequency): number {
  return evaluate(instructions, { number: numberOfCall(call), arch: AUDIT_ARCH_X86_64, args: call.args }).executed;
}

function isSameCall(a: CallFrequency, b: CallFrequency): boolean {
  return a.syscall === b.syscall && a.args.every((arg, index) => arg === b.args[index]);
}
