import { confineLauncher, type RunningMachine } from "../machine/index.js";
import { reportFailure } from "./report_failure.js";

/**
 * Confines this process, which took an orphan over. One that cannot give its privileges up does not supervise with them: it
 * ends, and the VM is an orphan again and serves on. `remedy`: what to do then, as a line.
 */
export function confineOrLeave(machine: RunningMachine, remedy: string): void {
  try {
    confineLauncher(machine);
  } catch (error) {
    const exitCode = reportFailure(error);
    process.stderr.write(`bulkhead: VM "${machine.plan.vm}" is an orphan again; ${remedy}\n`);
    process.exit(exitCode);
  }
}
