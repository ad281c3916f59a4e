import { askKernel, type KernelAnswer, type ProbeBatch, type ProbedCall } from "../../src/compliance/boundary/ask_kernel.js";
import { type BoundaryCall, boundaryCalls } from "../../src/compliance/boundary/boundary_calls.js";
import { boundaryCall, isRefused, wordBreach } from "../../src/compliance/boundary/judge_filter.js";
import { BulkheadError } from "../../src/errors/index.js";
import { comparePolicies, decideCall, type FilterRules, generateFilter, X32_BIT } from "../../src/seccomp/index.js";
import type { JudgedMutant, Outcome } from "./mutant.js";
import type { SeccompMutant } from "./seccomp_mutants.js";

/** What holds a live process's filter against what was reviewed: src/compliance/boundary. */
const CONTROL = "reviewed filter";

/** A call that is let through returns at once or waits for ever; one that is refused returns at once. In ms. */
const WAIT_MS = 300;
/** Of the calls at the boundary that a mutant answers otherwise so many are made: each alone would do. */
const CALLS_MAX = 3;

/** A mutant that can be told apart, with the control's calls that tell it apart, and its program. */
interface Candidate {
  readonly id: string;
  readonly calls: readonly BoundaryCall[];
  readonly batch: ProbeBatch;
}

/**
 * Judges mutants of one role's filter. Equal ones by proof. For the others the proof selects those of the control's calls that they
 * answer otherwise, and these are made in the kernel, under the mutated program.
 */
export function judgeSeccompMutants(reviewed: FilterRules, mutants: Iterable<SeccompMutant>): JudgedMutant[] {
  const boundary = boundaryCalls(reviewed);
  const judged: JudgedMutant[] = [];
  const candidates: Candidate[] = [];
  for (const mutant of mutants) {
    const selected = selectCalls(reviewed, mutant, boundary);
    if ("kind" in selected) judged.push({ id: mutant.id, layer: "seccomp", outcome: selected });
    else candidates.push({ id: mutant.id, ...selected });
  }
  const answers = askKernel(candidates.map(({ batch }) => batch));
  const asked = candidates.map(({ id, calls }, index): JudgedMutant => {
    return { id, layer: "seccomp", outcome: judgeAnswers(calls, answers[index] ?? []) };
  });
  return [...judged, ...asked];
}

function selectCalls(
  reviewed: FilterRules,
  mutant: SeccompMutant,
  boundary: readonly BoundaryCall[],
): Outcome | Omit<Candidate, "id"> {
  try {
    const fixed = boundary.filter((call) => isWeaker(mutant, call)).slice(0, CALLS_MAX);
    // One call that is answered otherwise is proof enough that the two differ.
    const calls = fixed.length > 0 ? fixed : findCalls(reviewed, mutant);
    if (calls.length === 0) return { kind: "equivalent", proof: "compare: equal for all calls" };
    const probes = calls.map(({ number, args }): ProbedCall => ({ number, args, waitMs: WAIT_MS }));
    return { calls, batch: { program: generateFilter(mutant.filter, []).bytes, calls: probes } };
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    return { kind: "refused", by: "the compiler of filters", evidence: error.message };
  }
}

/** Calls by which the proof tells the two apart; none: it has shown them equal. */
function findCalls(reviewed: FilterRules, mutant: SeccompMutant): BoundaryCall[] {
  const compared = comparePolicies(rulesOf(reviewed, mutant), rulesOf(mutant.filter, mutant));
  if (compared.relation === null) throw new Error(`${mutant.id}: ${compared.undecided}`);
  return compared.changes.slice(0, CALLS_MAX).map(({ example }) => boundaryCall(example, reviewed));
}

/** All other calls are answered by the same rules. */
function rulesOf(filter: FilterRules, { syscall }: SeccompMutant): FilterRules {
  return syscall === null ? filter : { ...filter, rules: filter.rules.filter((rule) => rule.syscall === syscall) };
}

function isWeaker({ filter, syscall }: SeccompMutant, call: BoundaryCall): boolean {
  const isOfMutant = syscall === null || syscall === call.syscall;
  // No rule is about x32's numbers.
  if (!isOfMutant || call.number >= X32_BIT) return false;
  const { action, conflict } = decideCall(filter, call.syscall, call.args);
  return !conflict && action.kind !== call.action.kind;
}

function judgeAnswers(calls: readonly BoundaryCall[], answers: readonly KernelAnswer[]): Outcome {
  const index = calls.findIndex((call, place) => !isRefused(answers[place] as KernelAnswer, call.action));
  const call = calls[index];
  if (call === undefined) return { kind: "uncovered" };
  const { call: word, reviewed, observed } = wordBreach(call, answers[index] as KernelAnswer);
  return { kind: "noticed", by: CONTROL, evidence: `${word}: ${reviewed} as reviewed; ${observed}` };
}
