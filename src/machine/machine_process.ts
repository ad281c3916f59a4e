import type { ConfinedProcess } from "../sandbox/index.js";
import type { ProcessLog } from "./process_log.js";
import type { QmpClient } from "./qmp_client.js";

/** One process of a VM, with what the launcher reads from it. */
export interface MachineProcess {
  readonly confined: ConfinedProcess;
  /** null for a program that is no QEMU. */
  readonly monitor: QmpClient | null;
  readonly log: ProcessLog;
  /** Inode of its own end of the channel to the VMM, which the launcher does not hold; null for the VMM. */
  readonly channelInode: number | null;
}

/** The monitor of a process that has one, as every QEMU has. */
export function monitorOf({ monitor, confined }: Pick<MachineProcess, "monitor" | "confined">): QmpClient {
  if (monitor === null) throw new Error(`"${confined.plan.id}" has no monitor`);
  return monitor;
}
