import { encodeAction } from "../action.js";
import { type BpfProgram, writeProgram } from "../bpf_program.js";
import { type CallFrequency, numberOfCall } from "../call_frequency.js";
import type { RuleSet } from "../checker/index.js";
import { AUDIT_ARCH_X86_64, packSyscallData, X32_BIT } from "../emulator.js";
import type { SyscallRule } from "../rule.js";
import { SYSCALL_NUMBERS } from "../syscall_numbers.js";
import { ArgumentDecision, type ArgumentSample } from "./argument_decision.js";
import { DecisionGraph, type NodeId } from "./decision_graph.js";
import { emitProgram } from "./emit_program.js";
import { weighNodes } from "./node_weights.js";
import { initialState } from "./rule_state.js";
import { addSearch, type Interval } from "./search_tree.js";

/** Offsets in struct seccomp_data: include/uapi/linux/seccomp.h. */
const NUMBER_OFFSET = 0;
const ARCH_OFFSET = 4;
/** -1: a tracer writes it to have a call skipped. It is above x32's numbers and none of them. */
const NO_CALL = 0xffffffff;
/**
 * What a measured call weighs whose number alone decides that it is allowed. The kernel then skips the filter (Linux 5.11 and
 * later), so it pays only on older kernels and under an outer filter that looks at its arguments.
 */
const SKIPPED_CALL_WEIGHT = 1 / 16;

/**
 * Compiles rules to BPF. Arch and number come first and decide alone wherever no rule of the syscall looks at an argument, so
 * that the kernel never runs the filter for such a call; the rest is ordered by how often it was measured. Of rules that match
 * one call the first answers; whether any others say differently is for the proof to find.
 * Throws SeccompInputError "filter-too-long".
 */
export function generateFilter(rules: RuleSet, frequencies: readonly CallFrequency[]): BpfProgram {
  return new FilterGenerator(rules, frequencies).generate(frequencies);
}

/** What each syscall comes to, worked out once; the order in which syscalls are told apart can be tried in several ways. */
export class FilterGenerator {
  readonly #graph = new DecisionGraph();
  readonly #rules: RuleSet;
  /** By syscall number, ascending. */
  readonly #decisions: readonly (readonly [number: number, decision: NodeId])[];

  /** `frequencies` order the tests of arguments. Throws SeccompInputError "filter-too-long". */
  constructor(rules: RuleSet, frequencies: readonly CallFrequency[]) {
    this.#rules = rules;
    const decisions = new ArgumentDecision(this.#graph);
    const otherwise = encodeAction(rules.otherwise);
    this.#decisions = rulesByNumber(rules.rules).map(([number, own]) => {
      return [number, decisions.add(initialState(own, otherwise), samplesOf(frequencies, number))];
    });
  }

  /** A program that tells syscalls apart in the order that these frequencies ask for. Throws SeccompInputError "filter-too-long". */
  generate(frequencies: readonly CallFrequency[]): BpfProgram {
    const graph = this.#graph;
    const byNumber = graph.load(NUMBER_OFFSET, this.#addDispatch(frequencies));
    const native = graph.test("equal", AUDIT_ARCH_X86_64, { met: byNumber, unmet: this.#foreign() });
    const root = graph.load(ARCH_OFFSET, native);
    return writeProgram(emitProgram(graph, root, weighNodes(graph, root, frequencies)));
  }

  /** All 32-bit numbers as intervals: each syscall of a rule by itself, holes between them, and what is x32's. */
  #addDispatch(frequencies: readonly CallFrequency[]): NodeId {
    const otherwise = this.#graph.answer(encodeAction(this.#rules.otherwise));
    const allow = this.#graph.answer(encodeAction({ kind: "allow" }));
    const intervals: Interval[] = [];
    let next = 0;
    for (const [number, decision] of this.#decisions) {
      if (number > next) intervals.push({ from: next, next: otherwise, weight: 0 });
      const weight = samplesOf(frequencies, number).reduce((sum, sample) => sum + sample.weight, 0);
      intervals.push({ from: number, next: decision, weight: decision === allow ? weight * SKIPPED_CALL_WEIGHT : weight });
      next = number + 1;
    }
    intervals.push({ from: next, next: otherwise, weight: 0 });
    intervals.push({ from: X32_BIT, next: this.#foreign(), weight: 0 });
    intervals.push({ from: NO_CALL, next: otherwise, weight: 0 });
    return addSearch(this.#graph, intervals);
  }

  /** The answer for other arches and for x32. */
  #foreign(): NodeId {
    return this.#graph.answer(encodeAction(this.#rules.foreign ?? { kind: "kill-process" }));
  }
}

function rulesByNumber(rules: readonly SyscallRule[]): [number: number, rules: SyscallRule[]][] {
  const byNumber = new Map<number, SyscallRule[]>();
  for (const rule of rules) {
    const number = SYSCALL_NUMBERS.get(rule.syscall);
    if (number === undefined) throw new RangeError(`no syscall ${rule.syscall}`);
    const known = byNumber.get(number);
    if (known === undefined) byNumber.set(number, [rule]);
    else known.push(rule);
  }
  return [...byNumber].sort(([a], [b]) => a - b);
}

function samplesOf(frequencies: readonly CallFrequency[], number: number): ArgumentSample[] {
  return frequencies
    .filter((call) => numberOfCall(call) === number)
    .map((call) => ({ words: highFirst(packSyscallData({ ...DATA, number, args: call.args })), weight: call.count }));
}

const DATA = { arch: AUDIT_ARCH_X86_64 };
/** Words of struct seccomp_data before the arguments: number, arch and the instruction pointer's two. */
const WORDS_BEFORE_ARGUMENTS = 4;

/** The argument words by slot: the high half of each first. */
function highFirst(data: Uint32Array): number[] {
  const words = [...data.subarray(WORDS_BEFORE_ARGUMENTS)];
  return words.map((_, slot) => words[slot ^ 1] ?? 0);
}
