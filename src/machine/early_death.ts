import { IntrusionError, MachineError } from "../errors/index.js";
import type { ExitStatus } from "../kernel/index.js";
import { type Directories, logEvent } from "../state/index.js";
import { type DeathCause, explainDeath, loadSyscallNames } from "./death_cause.js";
import { endsWithin } from "./ends_within.js";
import type { KernelLog } from "./kernel_log.js";
import type { MachineProcess } from "./machine_process.js";

/** A process whose monitor or channel closed shows as ended within this time, in ms. */
const DEATH_SHOWS_MS = 200;

/** Whose processes they are, and where their deaths are found and told. */
export interface DeathContext {
  readonly vm: string;
  readonly directories: Directories;
  readonly kernelLog: KernelLog;
}

/**
 * Does a step of bringing processes up. When it fails and one of them has ended, that death is what failed: what the step saw
 * of it, a missing process or a closed monitor, tells nobody why.
 */
export async function orEarlyDeath<Result>(
  processes: readonly MachineProcess[],
  context: DeathContext,
  step: () => Promise<Result>,
): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    const anyEnded = Promise.race(processes.map(({ confined }) => confined.ended));
    if (!(await endsWithin(anyEnded, DEATH_SHOWS_MS))) throw error;
    // Its last words may still be in the pipe, and another's death, which brought this one about, may be told next.
    await new Promise((resolve) => setImmediate(resolve));
    await loadSyscallNames();
    const deaths = await explainEnded(processes, context);
    throw deaths.find((death) => death instanceof IntrusionError) ?? deaths[0];
  }
}

/** An error for each process that has ended; an intrusion is logged as well. */
async function explainEnded(processes: readonly MachineProcess[], context: DeathContext): Promise<Error[]> {
  const errors: Error[] = [];
  for (const process of processes) {
    const status = await Promise.race([process.confined.ended, Promise.resolve(null)]);
    if (status !== null) errors.push(await explainOne(process, status, context));
  }
  return errors;
}

async function explainOne(process: MachineProcess, status: ExitStatus, context: DeathContext): Promise<Error> {
  const { id } = process.confined.plan;
  const cause = await explainDeath(process.confined, status, context.kernelLog);
  const words = process.log.lastWords();
  const answer = `it died of ${cause.words}${words === "" ? "" : ` and said: ${words}`}`;
  const failure = { tried: `Cannot bring up process "${id}"`, subject: id, answer };
  if (!cause.intrusion) return new MachineError({ code: "process-died", ...failure });
  logIntrusion(context, id, cause);
  return new IntrusionError({ code: "intrusion", ...failure });
}

function logIntrusion({ directories, vm }: DeathContext, id: string, { words, syscall }: DeathCause): void {
  const detail = `process "${id}" died of ${words}`;
  logEvent(directories, { event: "intrusion", vm, process: id, detail, syscall });
}
