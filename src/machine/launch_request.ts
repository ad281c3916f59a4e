import { MachineError } from "../errors/index.js";
import type { AlterSpawn } from "../sandbox/index.js";
import type { CleanupStep } from "./cleanup.js";
import type { PlanRequest } from "./prepare_plan.js";
import type { StreamSink } from "./serial_console.js";

/** The steps of a launch in their order, as progress reports and kill tests name them. */
export const LAUNCH_STEPS = [
  "claim",
  "plan",
  "prepare",
  "build-roots",
  "make-group",
  "open-channels",
  "start",
  "keep",
  "lock",
  "attach",
  "verify",
  "listen",
  "continue",
  "run",
] as const;
export type LaunchStep = (typeof LAUNCH_STEPS)[number];

export interface LaunchRequest extends PlanRequest {
  /** Where the serial console goes when the VM file says `stdio`; null: nowhere. */
  readonly stdio: StreamSink | null;
  /** Aborted: the launch gives up at its next step, in order. */
  readonly signal?: AbortSignal;
  /** Gets one escaped line of a process's output. */
  readonly onLogLine: (process: string, line: string) => void;
  /** Gets what a user must know of a device before it runs: the plan's warnings. */
  readonly onWarning?: (process: string, warning: string) => void;
  /** Gets the name of each step as it begins. */
  readonly onStep?: (step: LaunchStep) => void;
  /** Gets the name of each step of the cleanup when the VM has ended. */
  readonly onCleanupStep?: (step: CleanupStep) => void;
  /** For tests: changes what a child is told, to see that the launch notices. */
  readonly alterSpawn?: AlterSpawn;
}

/** A launch that its caller gave up. */
export function launchAborted(vm: string, step: LaunchStep): MachineError {
  const answer = `interrupted before step ${step}`;
  return new MachineError({ code: "launch-aborted", tried: `Cannot launch VM "${vm}"`, subject: vm, answer });
}
