import { compileFilter, type SyscallLookup } from "../kernel/index.js";
import { encodeAction } from "./action.js";
import { type BpfProgram, readProgram } from "./bpf_program.js";
import { requireProof } from "./checker/index.js";
import { lowerRule } from "./lowering.js";
import { combinePhases, type FilterRules, type PhaseSelection } from "./phases.js";
import type { SeccompPolicy } from "./rule.js";
import { SYSCALL_NUMBERS } from "./syscall_numbers.js";

export interface LibseccompOptions {
  readonly phases: PhaseSelection;
  /** How syscalls are looked up. Default `chain`, which is libseccomp's own default. */
  readonly lookup?: SyscallLookup;
}

/**
 * Compiles a policy's filter with libseccomp and proves it equal to the rules before anybody sees it. x32 calls and other
 * arches kill the process. Throws SeccompInputError "rule-too-wide", SeccompError "libseccomp-refused", and as requireProof does.
 */
export function compileWithLibseccomp(policy: SeccompPolicy, options: LibseccompOptions): BpfProgram {
  const filter = combinePhases(policy, options.phases);
  const program = translateWithLibseccomp(filter, (translate) => translate(options.lookup ?? "chain"));
  requireProof(filter, program);
  return program;
}

/**
 * The programs unproved, for whoever proves what is used in the end: libseccomp 2.5.4 makes weaker ones of some rules. It is given
 * the rules once for all lookups that `use` asks for, as most of the time goes into that.
 */
export function translateWithLibseccomp<Result>(
  filter: FilterRules,
  use: (translate: (lookup: SyscallLookup) => BpfProgram) => Result,
): Result {
  return compileFilter(toLibseccomp(filter), (program) => use((lookup) => readProgram(program(lookup))));
}

function toLibseccomp(filter: FilterRules): Parameters<typeof compileFilter>[0] {
  const defaultAction = encodeAction(filter.otherwise);
  return {
    defaultAction,
    foreignArchAction: encodeAction({ kind: "kill-process" }),
    rules: filter.rules
      .flatMap(lowerRule)
      // libseccomp refuses a rule whose action is the default; leaving it out means the same.
      .filter((rule) => encodeAction(rule.action) !== defaultAction)
      .map((rule) => ({
        syscallNumber: SYSCALL_NUMBERS.get(rule.syscall) as number,
        action: encodeAction(rule.action),
        args: [...rule.cubes].map(([index, cube]) => ({ index, ...cube })),
      })),
  };
}
