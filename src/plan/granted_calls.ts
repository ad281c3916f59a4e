import type { SeccompPolicy, SyscallRule } from "../seccomp/index.js";
import type { SeccompPlan } from "./launch_plan.js";

/** What a policy grants, by name: calls that it always answers with an error are none of it. */
export function grantedCalls({ start, run }: SeccompPolicy): Pick<SeccompPlan, "start" | "run"> {
  const lasting = run.filter(({ action }) => action.kind === "allow");
  return { start: syscallNames(start, lasting), run: syscallNames(lasting, []) };
}

/** Names of the calls that rules are about, each once, sorted, without those of other rules. */
function syscallNames(rules: readonly SyscallRule[], except: readonly SyscallRule[]): string[] {
  const excluded = new Set(except.map((rule) => rule.syscall));
  return [...new Set(rules.map((rule) => rule.syscall))].filter((name) => !excluded.has(name)).sort();
}
