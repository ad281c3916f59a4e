import type { FilterFacts } from "../../../src/audit/index.js";
import { assemble, FilterAnalysis, type FilterSource, writeProgram } from "../../../src/seccomp/index.js";
import type { CheckFixtures } from "./fixture.js";

/** Facts of a program, from its statements. */
export function programFacts(...statements: readonly string[]): FilterFacts {
  return filterFacts({ kind: "program", program: writeProgram(assemble(statements.join("\n"), "fixture.asm")) });
}

export function filterFacts(source: FilterSource): FilterFacts {
  return {
    kind: "filter",
    subject: "fixture.bpf",
    analysis: new FilterAnalysis(source),
    rules: source.kind === "rules" ? source.rules.rules : [],
    location: null,
    openEntries: [],
  };
}

/** Ends of every listing. */
const ENDS = ["dead: return KILL", "ok: return ALLOW"];
const CHECK_ARCH = ["A = arch", "if (A != ARCH_X86_64) goto dead", "A = sys_number"];

export const FILTER_FIXTURES: CheckFixtures = {
  "seccomp-x32-open": {
    flagged: () => programFacts(...CHECK_ARCH, "A == ptrace ? dead : ok", ...ENDS),
    twin: () => programFacts(...CHECK_ARCH, "if (A >= 0x40000000) goto dead", "A == ptrace ? dead : ok", ...ENDS),
  },
};
