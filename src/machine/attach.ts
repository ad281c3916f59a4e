import { MachineError } from "../errors/index.js";
import { VMM_ID } from "../spec/index.js";
import { explainDeath } from "./death_cause.js";
import type { KernelLog } from "./kernel_log.js";
import type { MachineProcess } from "./machine_process.js";

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
 * Waits until every device process answers on its monitor, having seen nothing of the tenant's yet, and locks it down. Throws
 * MachineError "process-died" for one that dies meanwhile, SandboxError "lock-down-failed". `lock`: for processes whose gate
 * another launcher has.
 */
export async function lockDevices(starting: StartingProcesses, kernelLog: KernelLog, lock = lockGate): Promise<void> {
  await unlessOneDies(
    starting,
    kernelLog,
    starting.devices.map((device) => lockDown(device, lock)),
  );
}

/**
 * Attaches the backends of devices that were locked down. All at once, and the VMM's monitor with them: it answers when its
 * proxies have found their devices, which exist only after their own commands ran. Then the VMM is locked down too.
 */
export async function attachAll(starting: StartingProcesses, kernelLog: KernelLog): Promise<void> {
  const { devices, vmm } = starting;
  await unlessOneDies(starting, kernelLog, [...devices.map(attach), ...(vmm === null ? [] : [lockDown(vmm, lockGate)])]);
}

/** One that dies after its own part counts as well: the others would wait for it in vain. */
async function unlessOneDies(
  { devices, vmm }: StartingProcesses,
  kernelLog: KernelLog,
  work: readonly Promise<void>[],
): Promise<void> {
  const all = vmm === null ? devices : [...devices, vmm];
  await Promise.race([Promise.all(work), ...all.map((process) => reportDeath(process, kernelLog))]);
}

/**
 * The smallest question that makes QEMU load what modules it has and initialise all of its types; it would do so at the first
 * device that is made, which is after lock-down.
 */
const LOAD_ALL_TYPES = { execute: "qom-list-types", arguments: { implements: "irq" } } as const;

/** When QEMU answers a command its main loop runs, its signal handlers are installed and its own threads are made. */
async function lockDown(process: MachineProcess, lock: LockDown): Promise<void> {
  await orDeath(process, async () => {
    await process.monitor.open();
    await process.monitor.execute(LOAD_ALL_TYPES.execute, LOAD_ALL_TYPES.arguments);
    await lock(process);
  });
}

async function attach(process: MachineProcess): Promise<void> {
  await orDeath(process, async () => {
    for (const command of process.confined.plan.monitor) await process.monitor.execute(command.execute, command.arguments);
  });
}

/** A dead process closes its monitor first; the way it died says more. Without a death the error stands. */
async function orDeath(process: MachineProcess, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
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
