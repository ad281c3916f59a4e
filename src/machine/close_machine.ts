import { logEvent } from "../state/index.js";
import { dismantleOrLeave } from "./cleanup.js";
import { type Ending, endingWithRemains } from "./ending.js";
import type { MachineParts } from "./machine_parts.js";

/** Closes what the supervisor holds of a VM whose processes were ended, and leaves nothing of it behind. Returns how it ended. */
export async function closeMachine(parts: MachineParts, ending: Ending): Promise<Ending> {
  const { directories, run, onCleanupStep } = parts;
  for (const { monitor } of parts.processes.values()) monitor?.close();
  parts.kernelLog.close();
  parts.keeper.close();
  const { process, reason, detail, exitCode } = ending;
  logEvent(directories, { event: "end", vm: run.record.vm, process, reason, detail, exitCode });
  const failure = await dismantleOrLeave(directories, run, onCleanupStep === undefined ? {} : { onStep: onCleanupStep });
  return failure === null ? ending : endingWithRemains(ending, failure);
}
