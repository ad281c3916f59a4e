import { type LauncherThread, observeLauncherThreads } from "../observe/index.js";
import type { LauncherPlan } from "../plan/index.js";
import { Comparison, type Difference } from "./difference.js";

/** The launcher as its own line of a report. */
export const LAUNCHER_ID = "launcher";

const NO_CAPABILITIES = "0".repeat(16);
/** SECCOMP_MODE_FILTER: include/uapi/linux/seccomp.h. */
const SECCOMP_MODE_FILTER = 2;

/** What every thread of a launcher holds, and where that is not what its plan says. */
export interface LauncherReading {
  readonly threads: readonly LauncherThread[];
  readonly differences: readonly Difference[];
}

/**
 * Reads every thread of a launcher and compares it with its plan. Its Landlock domain and its securebits show nowhere; they
 * were proved by probes in each thread when they were taken on. A thread may have further filters: whoever started the
 * launcher may have confined it before.
 */
export function readLauncher(plan: LauncherPlan, pid: number): LauncherReading {
  const comparison = new Comparison(LAUNCHER_ID, pid);
  const threads = observeLauncherThreads(pid);
  if (threads.length === 0) comparison.note("namespaces", "running", "ended");
  for (const thread of threads) compareThread(plan, thread, comparison);
  return { threads, differences: comparison.differences };
}

function compareThread(plan: LauncherPlan, thread: LauncherThread, comparison: Comparison): void {
  const where = `thread ${thread.tid}: `;
  if (plan.capabilities.length > 0) throw new Error("no comparison knows a capability by name");
  for (const [set, bits] of Object.entries(thread.capabilities)) {
    comparison.expect("capabilities", `${where}${set} ${NO_CAPABILITIES}`, `${where}${set} ${bits}`);
  }
  comparison.expect("no-new-privs", `${where}set`, `${where}${thread.noNewPrivs ? "set" : "clear"}`);
  const filtered = thread.seccompMode === SECCOMP_MODE_FILTER && thread.seccompFilters >= 1;
  comparison.expect("seccomp", `${where}a filter`, `${where}${filtered ? "a filter" : "no filter"}`);
  if (plan.selinux === undefined) return;
  comparison.expect("selinux", `${where}${plan.selinux.context}`, `${where}${thread.selinuxContext ?? "no context"}`);
}
