import type { ExitStatus } from "../kernel/index.js";
import { type Ending, GUEST_SHUT_DOWN, isInOrder, STOPPED } from "./ending.js";
import { endsWithin } from "./ends_within.js";
import { type MachineProcess, monitorOf } from "./machine_process.js";

/** How long QEMU may take to quit, in ms: it flushes its block devices. */
const QUIT_GRACE_MS = 2000;

/** Asks the guest to power down; whether the VMM has ended within its grace, in ms. */
export function powerDown(vmm: MachineProcess, graceMs: number): Promise<boolean> {
  return endsAfter(vmm, "system_powerdown", graceMs);
}

/** Tells QEMU to quit; whether it has. */
export function quit(vmm: MachineProcess): Promise<boolean> {
  return endsAfter(vmm, "quit", QUIT_GRACE_MS);
}

function endsAfter(vmm: MachineProcess, command: string, graceMs: number): Promise<boolean> {
  // A monitor that does not answer is a VMM that will be killed; its refusal has nobody to go to.
  monitorOf(vmm)
    .execute(command, undefined, graceMs)
    .catch(() => {});
  return endsWithin(vmm.confined.ended, graceMs);
}

/** How a VMM ended, and what went on. */
export interface VmmEnd {
  readonly status: ExitStatus;
  /** Its supervisor was killing every process. */
  readonly byUs: boolean;
  /** The VM was being stopped. */
  readonly stopping: boolean;
  /** Whose wish QEMU's SHUTDOWN event told; null while there was none. */
  readonly shutDownBy: "guest" | "host" | null;
}

/** The ending of a VM whose VMM ended as it was meant to; null: it died. */
export function endingInOrder({ status, byUs, stopping, shutDownBy }: VmmEnd): Ending | null {
  if (shutDownBy === "guest" && isInOrder(status)) return GUEST_SHUT_DOWN;
  if (stopping && (byUs || isInOrder(status))) return STOPPED;
  // QEMU left its main loop in order. Its event can be lost: writing to a monitor that has hung up drops what was not read yet.
  return shutDownBy === null && status.exitCode === 0 ? GUEST_SHUT_DOWN : null;
}
