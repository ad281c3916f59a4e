import { loadSyscallNames } from "./death_cause.js";
import { type DeathContext, orEarlyDeath } from "./early_death.js";
import type { MachineProcess } from "./machine_process.js";

/**
 * Waits until every process answers on its monitor, and attaches its backends. All at once: the VMM's proxies wait for
 * the devices, which exist only after their own commands ran. A process that dies meanwhile ends the wait.
 */
export function attachAll(processes: readonly MachineProcess[], context: DeathContext): Promise<void> {
  return orEarlyDeath(processes, context, async () => {
    // Loaded while QEMU starts; a death from here on is told by them.
    const attached = Promise.all([loadSyscallNames(), ...processes.map(attach)]);
    // One that dies after its own attach counts as well: the VMM would wait for it in vain.
    const ended = Promise.race(processes.map(({ confined }) => confined.ended));
    const isLost = await Promise.race([attached.then(() => false), ended.then(() => true)]);
    if (isLost) throw new Error("a process ended while it was brought up");
  });
}

async function attach({ confined, monitor }: MachineProcess): Promise<void> {
  await monitor.open();
  for (const command of confined.plan.monitor) await monitor.execute(command.execute, command.arguments);
}
