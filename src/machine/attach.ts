import { VMM_ID } from "../spec/index.js";
import { loadSyscallNames } from "./death_cause.js";
import { type DeathContext, orEarlyDeath } from "./early_death.js";
import { type MachineProcess, monitorOf } from "./machine_process.js";

/** How a process is locked down that is ready for it. */
type LockDown = (process: MachineProcess) => Promise<void>;

async function lockGate({ confined }: MachineProcess): Promise<void> {
  confined.gate?.lock();
}

/** Processes that were started and have attached nothing yet. */
export interface StartingProcesses {
  readonly devices: readonly MachineProcess[];
  /** null for devices that are started without one, or after it. */
  readonly vmm: MachineProcess | null;
}

/** By id. */
export function startingOf(processes: ReadonlyMap<string, MachineProcess>): StartingProcesses {
  const devices = [...processes].flatMap(([id, process]) => (id === VMM_ID ? [] : [process]));
  return { devices, vmm: processes.get(VMM_ID) ?? null };
}

/**
 * Waits until every QEMU that emulates a device answers on its monitor, having seen nothing of the tenant's yet, and locks it down. A process
 * that dies meanwhile ends the wait. `lock`: for processes whose gate another launcher has. Throws SandboxError "lock-down-failed".
 */
export function lockDevices(starting: StartingProcesses, context: DeathContext, lock = lockGate): Promise<void> {
  const devices = starting.devices.filter(hasMonitor);
  return unlessOneDies(starting, context, () => devices.map((device) => lockDown(device, lock)));
}

/**
 * Attaches the backends of devices that were locked down. All at once, and the VMM's monitor with them: it answers when its
 * proxies have found their devices, which exist only after their own commands ran. Then the VMM is locked down too, and with it
 * the programs that are no QEMU: each has answered the VMM, so it has started, and there is nothing of the tenant's yet.
 */
export function attachAll(starting: StartingProcesses, context: DeathContext): Promise<void> {
  const { devices, vmm } = starting;
  const programs = devices.filter((device) => !hasMonitor(device));
  const lockRest = async (last: MachineProcess): Promise<void> => {
    await lockDown(last, lockGate);
    await Promise.all(programs.map(lockGate));
  };
  const begin = () => [...devices.map(attach), ...(vmm === null ? [] : [lockRest(vmm)])];
  return unlessOneDies(starting, context, begin);
}

function unlessOneDies(
  { devices, vmm }: StartingProcesses,
  context: DeathContext,
  begin: () => readonly Promise<void>[],
): Promise<void> {
  const all = vmm === null ? devices : [...devices, vmm];
  return orEarlyDeath(all, context, async () => {
    // Loaded while QEMU starts; a death from here on is told by them.
    const done = Promise.all([loadSyscallNames(), ...begin()]);
    // One that dies after its own part counts as well: the others would wait for it in vain.
    const ended = Promise.race(all.map(({ confined }) => confined.ended));
    const isLost = await Promise.race([done.then(() => false), ended.then(() => true)]);
    if (isLost) throw new Error("a process ended while it was brought up");
  });
}

/**
 * The smallest question that makes QEMU load what modules it has and initialise all of its types; it would do so at the first
 * device that is made, which is after lock-down.
 */
const LOAD_ALL_TYPES = { execute: "qom-list-types", arguments: { implements: "irq" } } as const;

/** When QEMU answers a command its main loop runs, its signal handlers are installed and its own threads are made. */
async function lockDown(process: MachineProcess, lock: LockDown): Promise<void> {
  const monitor = monitorOf(process);
  await monitor.open();
  await monitor.execute(LOAD_ALL_TYPES.execute, LOAD_ALL_TYPES.arguments);
  await lock(process);
}

async function attach(process: MachineProcess): Promise<void> {
  for (const command of process.confined.plan.monitor) await monitorOf(process).execute(command.execute, command.arguments);
}

function hasMonitor({ monitor }: MachineProcess): boolean {
  return monitor !== null;
}
