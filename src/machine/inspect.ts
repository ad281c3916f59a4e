import { StateError } from "../errors/index.js";
import type { Layer } from "../spec/index.js";
import type { KnownRun } from "../state/index.js";
import {
  type Difference,
  describeLayers,
  type LayerReport,
  type MachineReading,
  readEvidence,
  readMachine,
  type StartedProcess,
} from "../verify/index.js";
import { type InspectedLauncher, inspectLauncher } from "./inspect_launcher.js";

/** What `bulkhead inspect --json` prints: every `observed` read from the kernel now. */
export interface Inspection {
  readonly schemaVersion: 1;
  readonly vm: string;
  readonly state: string;
  readonly processes: readonly InspectedProcess[];
  /** null while the VM starts, and when its launcher is dead. */
  readonly launcher: InspectedLauncher | null;
  /** Where the VM differs from its plan; empty for a VM that is what it should be. */
  readonly differences: readonly Difference[];
}

export interface InspectedProcess {
  readonly id: string;
  readonly role: string;
  readonly pid: number;
  readonly threads: number;
  readonly layers: Readonly<Record<Layer, LayerReport>>;
}

/** Reads every process of a VM afresh and holds it against its plan. Throws StateError "plan-missing". */
export function inspectRun(run: KnownRun): Inspection {
  const evidence = readEvidence(run);
  if (evidence === null) {
    throw new StateError({
      code: "plan-missing",
      tried: `Cannot inspect VM "${run.record.vm}"`,
      subject: run.record.vm,
      answer: "its launch has not come as far as a plan",
      remedy: "Wait for it, or stop it.",
    });
  }
  const { plan, started, missing } = evidence;
  const { observed, filters, differences } = readMachine(plan, started);
  const ended = missing.map(({ id, pid }): Difference => {
    return { process: id, pid, layer: "namespaces", planned: "running", observed: "ended" };
  });
  const own = inspectLauncher(run, plan);
  const reading = { observed, filters, differences: [...differences, ...ended, ...own.differences] };
  const { launcher } = own;
  return { schemaVersion: 1, vm: plan.vm, state: run.state, launcher, ...describeReading(reading, started) };
}

/** A reading of a VM, process by process and layer by layer. */
export function describeReading(
  reading: MachineReading,
  started: readonly StartedProcess[],
): Pick<Inspection, "processes" | "differences"> {
  const { observed, filters, differences } = reading;
  const processes = started.flatMap((one): InspectedProcess[] => {
    const found = observed.find((process) => process.pid === one.pid);
    if (found === undefined) return [];
    const own = differences.filter((difference) => difference.pid === one.pid);
    return [
      {
        id: one.plan.id,
        role: one.plan.role,
        pid: one.pid,
        threads: found.threads.length,
        layers: describeLayers(one.plan, { observed: found, filters: filters.get(found.pid) ?? null }, own),
      },
    ];
  });
  return { processes, differences };
}
