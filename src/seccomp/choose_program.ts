import { BulkheadError } from "../errors/index.js";
import type { BpfProgram } from "./bpf_program.js";
import type { CallFrequency } from "./call_frequency.js";
import { requireProof } from "./checker/index.js";
import { compileWithLibseccomp } from "./compile_libseccomp.js";
import { type ExpectedCost, expectedCost } from "./expected_cost.js";
import { generateNoWorse } from "./generator/generate_no_worse.js";
import { combinePhases, type PhaseSelection } from "./phases.js";
import type { SeccompPolicy } from "./rule.js";
import { ruleFrequencies } from "./rule_frequencies.js";

/** Ours, and libseccomp's two ways to look up a syscall. The first wins a tie. */
export type Generator = "bulkhead" | "libseccomp" | "libseccomp-tree";

/** A program that was considered: what it costs, or why it could not be used. */
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
 * Compiles a policy with every generator, proves each program, and takes the proved one with the lowest expected cost. Main thread
 * only, as libseccomp is called by FFI. Throws SeccompInputError "rules-conflict", or the first generator's when none gives a program.
 */
export function chooseProgram(request: ProgramRequest): ChosenProgram {
  const filter = combinePhases(request.policy, request.phases);
  const measured = request.frequencies ?? [];
  const frequencies = measured.length > 0 ? measured : ruleFrequencies(filter.rules);
  const libseccomp = (generator: Generator, lookup: "chain" | "binary-tree") =>
    attempt(generator, frequencies, () => compileWithLibseccomp(request.policy, { phases: request.phases, lookup }));
  const others = [libseccomp("libseccomp", "chain"), libseccomp("libseccomp-tree", "binary-tree")];
  const peers = others.flatMap(({ program }) => program ?? []);
  const own = attempt("bulkhead", frequencies, () => {
    const program = generateNoWorse(filter, frequencies, peers);
    requireProof(filter, program);
    return program;
  });
  const attempts = [own, ...others];
  const proved = attempts.filter((one) => one.program !== null);
  const best = proved.reduce((cheapest, one) => (isCheaper(one, cheapest) ? one : cheapest), proved[0] as Proved);
  if (best === undefined) throw (attempts[0] as Failed).error;
  const candidates = attempts.map(({ candidate }) => candidate);
  return { ...best.program, choice: { generator: best.candidate.generator, why: wordChoice(best, proved), candidates } };
}

interface Proved {
  readonly program: BpfProgram;
  readonly candidate: Extract<Candidate, { cost: ExpectedCost }>;
}

interface Failed {
  readonly program: null;
  readonly candidate: Extract<Candidate, { fault: string }>;
  readonly error: BulkheadError;
}

function attempt(generator: Generator, frequencies: readonly CallFrequency[], make: () => BpfProgram): Proved | Failed {
  try {
    const program = make();
    const cost = expectedCost(program.instructions, frequencies);
    return { program, candidate: { generator, instructions: program.instructions.length, cost } };
  } catch (error) {
    // A contradiction is the policy's, whoever compiles it; anything that is not ours to raise is a bug.
    if (!(error instanceof BulkheadError) || error.code === "rules-conflict") throw error;
    return { program: null, candidate: { generator, fault: error.message }, error };
  }
}

/** What calls that run the filter cost decides; then older kernels, then the size. The first of equals stays. */
function isCheaper(one: Proved, other: Proved): boolean {
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

function wordChoice(best: Proved, proved: readonly Proved[]): string {
  const word = ({ candidate: { generator, cost } }: Proved): string => `${generator} ${cost.perCall.toFixed(COST_DECIMALS)}`;
  const others = proved.filter((one) => one !== best).map(word);
  const all = [word(best), ...others].join(", ");
  return `executed instructions per measured call, none where the kernel skips the filter: ${all}`;
}
