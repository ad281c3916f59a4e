import type { LaunchPlan } from "../plan/index.js";
import { type Directories, logEvent, type OwnedRun } from "../state/index.js";
import type { CleanupStep } from "./cleanup.js";
import type { Inspection } from "./inspect.js";
import type { Keeper } from "./keeper.js";
import type { KernelLog } from "./kernel_log.js";
import type { MachineProcess } from "./machine_process.js";

/** What a launch, or taking a VM over, gives the machine. */
export interface MachineParts {
  readonly plan: LaunchPlan;
  readonly verified: Inspection;
  readonly run: OwnedRun;
  readonly directories: Directories;
  readonly processes: ReadonlyMap<string, MachineProcess>;
  /** Closed with the machine. */
  readonly kernelLog: KernelLog;
  /** Likewise. */
  readonly keeper: Keeper;
  /** The array of struct sock_filter that the plan's `launcher` names. */
  readonly launcherFilter: Buffer;
  /** Gets the name of each step of the final cleanup as it begins. */
  readonly onCleanupStep?: (step: CleanupStep) => void;
}

/** For those who look at the VM from elsewhere. A full disk must not keep it from being stopped. */
export function noteState({ run, directories }: MachineParts, state: "stopping" | "paused"): void {
  try {
    run.update({ state });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    logEvent(directories, { event: "cleanup-failed", vm: run.record.vm, message });
  }
}
