import { SandboxError } from "../errors/index.js";
import { confineSelf } from "../sandbox/index.js";
import { type Difference, readLauncher } from "../verify/index.js";
import type { RunningMachine } from "./running_machine.js";

/**
 * Gives up, for good and in every thread of this process, what supervising the machine does not need, and reads back that it is
 * so. For a process that does nothing else: `launch` as a library leaves its caller alone. A machine that has ended meanwhile, as a
 * guest may at once, leaves nothing to supervise. Throws SandboxError "launcher-unconfined"; the process must then end, and with it
 * the machine.
 */
export function confineLauncher(machine: RunningMachine): void {
  const { vm, launcher } = machine.plan;
  machine.confineLauncher((filter) => {
    confineSelf(launcher, filter);
    const { differences } = readLauncher(launcher, process.pid);
    if (differences.length > 0) {
      throw new SandboxError({
        code: "launcher-unconfined",
        tried: "Cannot trust the launcher to supervise: it is not what its plan says",
        subject: vm,
        answer: wordDifferences(differences),
      });
    }
  });
}

/** Every thread may differ in every set: the first is told, the rest counted. */
function wordDifferences([first, ...rest]: readonly Difference[]): string {
  const more = rest.length === 0 ? "" : `, and ${rest.length} more`;
  return `planned ${first?.planned}, observed ${first?.observed}${more}`;
}
