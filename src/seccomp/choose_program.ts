import { BulkheadError } from "../errors/index.js";
import type { BpfProgram } from "./bpf_program.js";
import type { CallFrequency } from "./call_frequency.js";
import { type RuleSet, requireProof } from "./checker/index.js";
import { translateWithLibseccomp } from "./compile_libseccomp.js";
import { type ExpectedCost, expectedCost } from "./expected_cost.js";
import { generateNoWorse } from "./generator/generate_no_worse.js";
import { combinePhases, type FilterRules, type PhaseSelection } from "./phases.js";
import type { SeccompPolicy } from "./rule.js";
import { ruleFrequencies } from "./rule_frequencies.js";

/** Ours, and libseccomp's two ways to look up a syscall. The first wins a tie. */
export type Generator = "bulkhead" | "libseccomp" | "libseccomp-tree";

/** A program that was considered: what it costs, or why it could not be used; only the one that is used is proved for certain. */
export type Candidate =
  | { readonly generator: Generator; readonly instructions: number; readonly cost: ExpectedCost }
  | { readonly generator: Generator; readonly fault: string };

/** Which program is loaded, and what it was chosen from. */
export interface GeneratorChoice {
  readonly generator: Generator;
  /** One sentence for people. */
  readonly why: string;
  readonly candidates: readonly Candidate[];
}

export interface ChosenProgram extends BpfProgram {
  readonly choice: GeneratorChoice;
}

export interface ProgramRequest {
  readonly policy: SeccompPolicy;
  readonly phases: PhaseSelection;
  /** Measured calls of the role. Without any, every rule counts as one call. */
  readonly frequencies?: readonly CallFrequency[];
}

/**
 * Compiles a policy with every generator and takes the program with the lowest expected cost that is proved: the cheapest is proved
 * first, and the next one only when it is not its policy. Main thread only, as libseccomp is called by FFI. Throws SeccompInputError
 * "rules-conflict", or the first generator's when none gives a program.
 */
export function chooseProgram(request: ProgramRequest): ChosenProgram {
  const filter = combinePhases(request.policy, request.phases);
  const measured = request.frequencies ?? [];
  const frequencies = measured.length > 0 ? measured : ruleFrequencies(filter.rules);
  const peers = attemptLibseccomp(filter, frequencies);
  const peerPrograms = peers.flatMap(({ program }) => program ?? []);
  const own = attempt("bulkhead", frequencies, () => generateNoWorse(filter, frequencies, peerPrograms));
  return takeProved(filter, [own, ...peers]);
}

/** The cheapest program that is its rules. Throws as chooseProgram does. */
export function takeProved(rules: RuleSet, given: readonly Attempt[]): ChosenProgram {
  const attempts = [...given];
  for (;;) {
    const made = attempts.filter((one) => one.program !== null);
    const best = made.reduce((cheapest, one) => (isCheaper(one, cheapest) ? one : cheapest), made[0] as Made);
    if (best === undefined) throw (attempts[0] as Failed).error;
    const { generator } = best.candidate;
    try {
      requireProof(rules, best.program);
    } catch (error) {
      attempts[attempts.indexOf(best)] = fail(generator, error);
      continue;
    }
    const candidates = attempts.map(({ candidate }) => candidate);
    return { ...best.program, choice: { generator, why: wordChoice(best, made), candidates } };
  }
}

/** What a generator made of a policy, or why it made nothing. */
export type Attempt = Made | Failed;

interface Made {
  readonly program: BpfProgram;
  readonly candidate: Extract<Candidate, { cost: ExpectedCost }>;
}

interface Failed {
  readonly program: null;
  readonly candidate: Extract<Candidate, { fault: string }>;
  readonly error: BulkheadError;
}

/** `make` throws a BulkheadError when there is no such program. */
export function attempt(generator: Generator, frequencies: readonly CallFrequency[], make: () => BpfProgram): Attempt {
  try {
    const program = make();
    const cost = expectedCost(program.instructions, frequencies);
    return { program, candidate: { generator, instructions: program.instructions.length, cost } };
  } catch (error) {
    return fail(generator, error);
  }
}

/** By both lookups. */
function attemptLibseccomp(filter: FilterRules, frequencies: readonly CallFrequency[]): Attempt[] {
  try {
    return translateWithLibseccomp(filter, (translate) => [
      attempt("libseccomp", frequencies, () => translate("chain")),
      attempt("libseccomp-tree", frequencies, () => translate("binary-tree")),
    ]);
  } catch (error) {
    return [fail("libseccomp", error), fail("libseccomp-tree", error)];
  }
}

/** A contradiction is the policy's, whoever compiles it; anything that is not ours to raise is a bug. */
function fail(generator: Generator, error: unknown): Failed {
  if (!(error instanceof BulkheadError) || error.code === "rules-conflict") throw error;
  return { program: null, candidate: { generator, fault: error.message }, error };
}

/** What calls that run the filter cost decides; then older kernels, then the size. The first of equals stays. */
function isCheaper(one: Made, other: Made): boolean {
  const [a, b] = [one.candidate, other.candidate];
  const order = [
    a.cost.perCall - b.cost.perCall,
    a.cost.perCallUncached - b.cost.perCallUncached,
    a.instructions - b.instructions,
  ];
  return (order.find((difference) => difference !== 0) ?? 0) < 0;
}

/** Decimals of an average number of instructions. */
const COST_DECIMALS = 2;

function wordChoice(best: Made, made: readonly Made[]): string {
  const word = ({ candidate: { generator, cost } }: Made): string => `${generator} ${cost.perCall.toFixed(COST_DECIMALS)}`;
  const others = made.filter((one) => one !== best).map(word);
  const all = [word(best), ...others].join(", ");
  return `executed instructions per measured call, none where the kernel skips the filter: ${all}`;
}
