import type { ExitStatus } from "../kernel/index.js";
import { logEvent } from "../state/index.js";
import { explainDeath } from "./death_cause.js";
import type { DeathContext } from "./early_death.js";
import { type Ending, endingOfDeath, roleOf } from "./ending.js";
import type { MachineProcess } from "./machine_process.js";

/** How a VM would end by this death alone, and how the process ended, as far as is known. */
export interface Judgement {
  readonly death: Ending;
  readonly status: ExitStatus;
}

/** Finds out what the death of a process means; an intrusion is logged at once, whatever the VM ends by. */
export async function judgeDeath(
  { confined, log }: MachineProcess,
  told: ExitStatus,
  { vm, directories, kernelLog }: DeathContext,
): Promise<Judgement> {
  const { id } = confined.plan;
  const cause = await explainDeath(confined, told, kernelLog);
  const death = endingOfDeath(id, roleOf(id), { cause, lastWords: log.lastWords() });
  const { reason, detail } = death;
  if (reason === "intrusion") logEvent(directories, { event: "intrusion", vm, process: id, detail, syscall: cause.syscall });
  return { death, status: cause.status };
}
