import type { BpfProgram } from "../bpf_program.js";
import { type Answer, allowAll, effectOfAnswer, winAnswer } from "./answer.js";
import { BitVectors } from "./bit_vector.js";
import { type BitOrder, orderBits } from "./call_words.js";
import { decodeProgram, type Instruction } from "./decode.js";
import { type Budget, Diagrams } from "./diagram.js";
import { RuleDiagram, type RuleSet } from "./rule_diagram.js";
import { ProgramWalk } from "./walk.js";
import { findWordGroups } from "./word_groups.js";

/** Whatever answers calls: rules, a program, or programs stacked on one thread, the oldest first as they were installed. */
export type FilterSource =
  | { readonly kind: "rules"; readonly rules: RuleSet }
  | { readonly kind: "program"; readonly program: BpfProgram }
  | { readonly kind: "stack"; readonly programs: readonly BpfProgram[] };

/** Some 100 MiB and some seconds: a hundred times what the shipped roles need. */
export const DEFAULT_BUDGET: Budget = { nodesMax: 4_000_000, operationsMax: 20_000_000 };

/** Of programs that never hold one word against another, as compilers write them. */
const PLAIN_ORDER = orderBits([]);

/** What the shipped roles come to, about; more room is made where it is needed. */
const NODES_AT_LEAST = 2000;
const NODES_PER_INSTRUCTION = 64;

/** All calls, and the answers that filters give to them; diagrams of one space can be compared. */
export class CallSpace {
  readonly diagrams: Diagrams;
  readonly order: BitOrder;
  readonly #vectors: BitVectors;
  readonly #decoded: Map<BpfProgram, Instruction[]>;

  /** The programs of all sources decide the order of bits, so they must be known from the start. */
  constructor(sources: readonly FilterSource[], budget: Budget = DEFAULT_BUDGET) {
    this.#decoded = new Map(sources.flatMap(programsOf).map((program) => [program, decodeProgram(program.bytes)]));
    const instructions = [...this.#decoded.values()].reduce((sum, { length }) => sum + length, 0);
    this.diagrams = new Diagrams(budget, NODES_AT_LEAST + NODES_PER_INSTRUCTION * instructions);
    const groups = mergeGroups([...this.#decoded.values()].map(findWordGroups));
    this.order = groups.length === 0 ? PLAIN_ORDER : orderBits(groups);
    this.#vectors = new BitVectors(this.diagrams, this.order);
  }

  /** What happens to each call. Throws BudgetExceeded, SeccompInputError "rules-conflict". */
  answer(source: FilterSource): Answer {
    const { diagrams } = this;
    if (source.kind === "rules") return new RuleDiagram(diagrams, this.order).answer(source.rules);
    const answers = programsOf(source).map((program) => this.#walk(program));
    // From the newest to the oldest; an older answer counts only where it is stronger.
    const winner = answers.reduceRight((newer, older) => winAnswer(diagrams, newer, older), allowAll(diagrams));
    return effectOfAnswer(diagrams, winner);
  }

  #walk(program: BpfProgram): Answer {
    return new ProgramWalk(this.#decoded.get(program) ?? [], this.diagrams, this.#vectors).answer();
  }
}

/** The programs of a source, the oldest first. */
export function programsOf(source: FilterSource): readonly BpfProgram[] {
  if (source.kind === "program") return [source.program];
  return source.kind === "stack" ? source.programs : [];
}

/** Groups of one program after another; those that share a word become one. */
function mergeGroups(groups: readonly (readonly (readonly number[])[])[]): number[][] {
  const merged: number[][] = [];
  for (const group of groups.flat()) {
    let joined = [...group];
    for (const other of merged.filter((candidate) => candidate.some((word) => group.includes(word)))) {
      joined = [...new Set([...joined, ...other])];
      merged.splice(merged.indexOf(other), 1);
    }
    merged.push(joined);
  }
  return merged;
}

/** Filters of one thread as one source, the oldest first: all of them answer each call, and the strongest answer counts. */
export function stackPrograms(programs: readonly BpfProgram[]): FilterSource {
  return { kind: "stack", programs };
}
