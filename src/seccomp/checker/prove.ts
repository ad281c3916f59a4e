import { SeccompError } from "../../errors/index.js";
import { findProgramFault } from "../bpf_check.js";
import type { BpfProgram } from "../bpf_program.js";
import { wordCall } from "./call.js";
import { CallSpace, type FilterSource, programsOf } from "./call_space.js";
import { type CallDifference, type Direction, findDifference } from "./counterexample.js";
import { type Budget, BudgetExceeded } from "./diagram.js";
import type { RuleSet } from "./rule_diagram.js";

/** A call that a program answers otherwise than its rules. */
export interface Counterexample {
  /** Unsigned 32 bits. */
  readonly nr: number;
  /** All six. */
  readonly args: readonly bigint[];
  /** AUDIT_ARCH_*. */
  readonly arch: number;
  readonly instructionPointer: bigint;
  /** As `allow`, `errno 38`, `kill-process`. */
  readonly policy: string;
  readonly program: string;
  /** `weaker`: the program lets through what the rules do not. `other`: as strong, but with another error number or other data. */
  readonly direction: Direction;
}

/** What came of a proof. Only `equal: true` says that the program may be loaded. */
export type Proof =
  | { readonly equal: true; readonly decisions: number }
  | { readonly equal: false; readonly counterexample: Counterexample }
  | { readonly equal: null; readonly undecided: string };

/**
 * Decides whether a program, or several stacked on one thread, answer every call as the rules say: every number, arch and instruction pointer, and every value of
 * all six 64-bit arguments. Answers count as equal when their effect is. Never guesses: what it cannot decide it gives back
 * undecided, with the reason. Throws SeccompInputError "rules-conflict" when the rules contradict themselves.
 */
export function prove(rules: RuleSet, program: BpfProgram | FilterSource, budget?: Budget): Proof {
  const source: FilterSource = "kind" in program ? program : { kind: "program", program };
  for (const { instructions } of programsOf(source)) {
    const fault = findProgramFault(instructions);
    if (fault !== null) return { equal: null, undecided: `the kernel would refuse the program: ${fault}` };
  }
  try {
    const space = new CallSpace([source], budget);
    const difference = findDifference(space, { a: space.answer({ kind: "rules", rules }), b: space.answer(source) });
    if (difference === null) return { equal: true, decisions: space.diagrams.size };
    return { equal: false, counterexample: toCounterexample(difference) };
  } catch (error) {
    if (error instanceof BudgetExceeded) return { equal: null, undecided: error.message };
    throw error;
  }
}

/** Throws SeccompError "filter-rejected", "filter-differs" or "filter-undecided" unless the program is proved; as prove does, too. */
export function requireProof(rules: RuleSet, program: BpfProgram): void {
  const fault = findProgramFault(program.instructions);
  if (fault !== null) throw refusal("filter-rejected", "BPF program", `the kernel would refuse it: ${fault}`);
  const proof = prove(rules, program);
  if (proof.equal === true) return;
  if (proof.equal === null) throw refusal("filter-undecided", "BPF program", proof.undecided);
  const { counterexample } = proof;
  const call = wordCall({ ...counterexample, number: counterexample.nr });
  const { policy, program: given, direction } = counterexample;
  throw refusal("filter-differs", call, `${call} gets ${given}, and the policy says ${policy}: it is ${direction}`);
}

function toCounterexample({ call, a, b, direction }: CallDifference): Counterexample {
  const { number, ...rest } = call;
  return { nr: number, ...rest, policy: a, program: b, direction };
}

function refusal(code: string, subject: string, answer: string): SeccompError {
  return new SeccompError({
    code,
    tried: "Cannot prove that the compiled filter is its policy",
    subject,
    answer,
    remedy: "Nothing was loaded. Report this with the policy; fewer or simpler checks on the syscall may do until then.",
  });
}
