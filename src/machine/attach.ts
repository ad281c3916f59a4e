import { MachineError } from "../errors/index.js";
import { explainDeath, loadSyscallNames } from "./death_cause.js";
import type { KernelLog } from "./kernel_log.js";
import type { MachineProcess } from "./machine_process.js";

/**
 * Waits until every process answers on its monitor, and attaches its backends. All at once: the VMM's proxies wait for
 * the devices, which exist only after their own commands ran. A process that dies meanwhile ends the wait.
 */
export async function attachAll(processes: readonly MachineProcess[], kernelLog: KernelLog): Promise<void> {
  // Loaded while QEMU starts; a death from here on is told by them.
  const attached = Promise.all([loadSyscallNames(), ...processes.map(attach)]);
  // One that dies after its own attach counts as well: the VMM would wait for it in vain.
  await Promise.race([attached, ...processes.map((process) => reportDeath(process, kernelLog))]);
}

async function attach(process: MachineProcess): Promise<void> {
  const { plan } = process.confined;
  try {
    await process.monitor.open();
    for (const command of plan.monitor) await process.monitor.execute(command.execute, command.arguments);
  } catch (error) {
    // A dead process closes its monitor first; the way it died says more. Without a death the error stands.
    const death = await Promise.race([
      process.confined.ended,
      new Promise<null>((resolve) => setTimeout(() => resolve(null), DEATH_SHOWS_MS)),
    ]);
    if (death === null) throw error;
    // reportDeath tells of it.
    await new Promise<never>(() => {});
  }
}

/** A process whose monitor closed shows as ended within this time, in ms. */
const DEATH_SHOWS_MS = 200;

async function reportDeath(process: MachineProcess, kernelLog: KernelLog): Promise<never> {
  const status = await process.confined.ended;
  // Its last words may still be in the pipe.
  await new Promise((resolve) => setImmediate(resolve));
  const cause = await explainDeath(process.confined, status, kernelLog);
  const words = process.log.lastWords();
  const { id } = process.confined.plan;
  throw new MachineError({
    code: "process-died",
    tried: `Cannot bring up process "${id}"`,
    subject: id,
    answer: `it died of ${cause.words}${words === "" ? "" : ` and said: ${words}`}`,
  });
}
