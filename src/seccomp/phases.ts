import type { SeccompAction, SeccompPolicy, SyscallRule } from "./rule.js";

/** The rules of one filter: a call takes the action of the rules that match it, and `otherwise` when none does. */
export interface FilterRules {
  readonly rules: readonly SyscallRule[];
  readonly otherwise: SeccompAction;
}

/**
 * Which filter of a policy: `run` allows the run calls only; `start+run` allows both for ever, for trials without a listener;
 * `lock-down` is what a launch installs: start calls are notified, so that the launcher allows them until lock-down.
 */
export type PhaseSelection = "run" | "start+run" | "lock-down";

/** The rules of a policy's filter for the selected phases. */
export function combinePhases(policy: SeccompPolicy, phases: PhaseSelection): FilterRules {
  const { start, run, otherwise } = policy;
  switch (phases) {
    case "run":
      return { rules: run, otherwise };
    case "start+run":
      return { rules: [...run, ...start], otherwise };
    case "lock-down":
      return { rules: [...run, ...start.map((rule) => ({ ...rule, action: { kind: "notify" } as const }))], otherwise };
  }
}
