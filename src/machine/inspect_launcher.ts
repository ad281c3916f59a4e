import type { LaunchPlan } from "../plan/index.js";
import { isAlive, type KnownRun } from "../state/index.js";
import { type Difference, LAUNCHER_ID, type LauncherReading, readLauncher } from "../verify/index.js";

/** The launcher of a VM, its `observed` read from the kernel now. */
export interface InspectedLauncher {
  readonly id: typeof LAUNCHER_ID;
  readonly pid: number;
  readonly threads: number;
  /** false: a program that uses the library, and `run --keep-privileges`, keep what they have. */
  readonly confined: boolean;
  readonly planned: LaunchPlan["launcher"];
  /** Per thread, in the order of thread ids. */
  readonly observed: readonly {
    readonly tid: number;
    readonly effectiveCapabilities: string;
    readonly noNewPrivs: boolean;
    readonly seccompFilters: number;
    /** Null where the kernel shows none. */
    readonly selinuxContext: string | null;
  }[];
}

/** Reads the launcher of a VM; null when it is dead. Differences are told only of one that confined itself. */
export function inspectLauncher(
  run: KnownRun,
  plan: LaunchPlan,
): { readonly launcher: InspectedLauncher | null; readonly differences: readonly Difference[] } {
  const { launcher, launcherConfined } = run.record;
  if (!isAlive(launcher)) return { launcher: null, differences: [] };
  const reading = readLauncher(plan.launcher, launcher.pid);
  const confined = launcherConfined === true;
  return { launcher: describe(reading, { pid: launcher.pid, confined, plan }), differences: confined ? reading.differences : [] };
}

function describe(
  { threads }: LauncherReading,
  facts: { readonly pid: number; readonly confined: boolean; readonly plan: LaunchPlan },
): InspectedLauncher {
  const observed = threads.map(({ tid, capabilities, noNewPrivs, seccompFilters, selinuxContext }) => {
    return { tid, effectiveCapabilities: capabilities.effective, noNewPrivs, seccompFilters, selinuxContext };
  });
  const { pid, confined, plan } = facts;
  return { id: LAUNCHER_ID, pid, threads: threads.length, confined, planned: plan.launcher, observed };
}
