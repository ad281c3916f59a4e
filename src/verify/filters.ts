import type { GatePhase } from "../kernel/index.js";
import type { LoadedFilters } from "../observe/index.js";
import type { ProcessPlan } from "../plan/index.js";
import type { Comparison } from "./difference.js";

/**
 * Each thread runs the planned program and no other. That program was proved equal to its policy, so that equal bytes are all
 * there is to show. Where the host shows no filters their number is all that is known; the report says so.
 */
export function compareFilters(plan: ProcessPlan, loaded: LoadedFilters | null, comparison: Comparison): void {
  if (loaded === null || !loaded.readable) return;
  for (const { tid, sha256 } of loaded.threads) {
    const where = `thread ${tid}: program `;
    comparison.expect("seccomp", `${where}${plan.seccomp.sha256}`, `${where}${sha256.join(", ") || "none"}`);
  }
}

/** What a filter notifies is in the hands of the launcher's gate; the kernel does not show what that answers. */
export function compareLockDown(phase: GatePhase | null, comparison: Comparison): void {
  if (phase === "start") comparison.note("seccomp", "locked down", "its start calls are let through");
}
