import { PlanError } from "../errors/index.js";
import type { HostFacts } from "../host/index.js";
import { formatSize, type VmSpec } from "../spec/index.js";

/**
 * Throws PlanError "beyond-host" for a machine that this host cannot be: more guest memory than it has, or more virtual CPUs than
 * it has CPUs, which then wait for each other's locks while they do not run. What other VMs use is not counted: memory is
 * taken as the guest touches it, and to sell it twice is the operator's choice, for which the host file has `memoryPerVm`.
 */
export function requireHostCapacity(spec: VmSpec, facts: HostFacts): void {
  const { memoryBytes, cpus } = spec.machine;
  const refuse = (key: "memory" | "cpus", asked: string, has: string): never => {
    throw new PlanError({
      code: "beyond-host",
      tried: `${spec.source.locate(["machine", key])}: cannot give VM "${spec.name}" ${asked}`,
      subject: spec.name,
      answer: `this host has ${has}`,
      remedy: "Ask for no more than that.",
    });
  };
  if (memoryBytes > facts.memoryBytes)
    refuse("memory", `${formatSize(memoryBytes)} of memory`, describeMemory(facts.memoryBytes));
  if (cpus > facts.cpus) refuse("cpus", `${cpus} CPUs`, `${facts.cpus} that the launcher may run on`);
}

/** Whole MiB: MemTotal is no round number, and a VM's memory is one. */
function describeMemory(sizeBytes: number): string {
  return formatSize(Math.floor(sizeBytes / 1024 ** 2) * 1024 ** 2);
}
