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
