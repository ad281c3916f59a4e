import type { OwnedRun } from "../state/index.js";
import type { RecordedSpec } from "../verify/index.js";
import type { Feed } from "./feed.js";
import type { Keeper } from "./keeper.js";
import type { KernelLog } from "./kernel_log.js";
import type { MachineProcess } from "./machine_process.js";
import type { PlanRequest } from "./prepare_plan.js";
import type { RunningMachine } from "./running_machine.js";

/** What plans are made from beside a VM file. */
export type PlanningContext = Omit<PlanRequest, "spec">;

/** A VM with everything that its supervisor has of it. */
export interface Supervision {
  readonly machine: RunningMachine;
  readonly run: OwnedRun;
  readonly processes: Map<string, MachineProcess>;
  readonly keeper: Keeper;
  readonly kernelLog: KernelLog;
  readonly feed: Feed;
  /** The VM file, with the devices that were added since. */
  spec: RecordedSpec;
  readonly planning: PlanningContext;
  /** Gets one escaped line of a process's output. */
  readonly onLogLine: (process: string, line: string) => void;
}
