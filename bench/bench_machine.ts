import { type ProgramInventory, takeInventory } from "../src/host/index.js";
import { DEFAULT_QEMU, openDirectories, parseVmText, readHostFile } from "../src/index.js";
import type { PlanRequest } from "../src/machine/index.js";
import { loadCallFrequencies, loadRolePolicy } from "../src/policy/index.js";
import { compiledFilter } from "../src/seccomp/index.js";
import { POLICY_FOLDER, type Workshop } from "./benchmark.js";

/** Two runs of the benchmarks on one host do not meet. */
const VM_NAME = `bench-${process.pid}`;

export interface BenchDisk {
  readonly id: string;
  /** Image, relative to the workshop's directory. */
  readonly file: string;
}

/**
 * The VM file of a benchmark, with TCG: it is the accelerator that every host has, and nested KVM measures its host.
 * `number` tells VMs apart that run at once.
 */
export function benchVmText(options: {
  readonly disks: readonly BenchDisk[];
  readonly card: boolean;
  readonly number?: number;
}): string {
  const disks = options.disks.map(({ id, file }) => `  - {id: ${id}, role: disk, model: lsi53c895a, disk: {file: ${file}}}`);
  const card = options.card ? ["  - {id: net0, role: net, model: e1000, net: {disconnected: true}}"] : [];
  return [
    `name: ${VM_NAME}-${options.number ?? 0}`,
    "machine: {memory: 64M, cpus: 1, accel: tcg}",
    `boot: {disk: ${options.disks[0]?.id}}`,
    "console: {serial: stdio}",
    "shutdownGraceMs: 0",
    "devices:",
    ...disks,
    ...card,
    "",
  ].join("\n");
}

export async function benchPlanRequest(workshop: Workshop, vmText: string): Promise<PlanRequest> {
  return {
    spec: parseVmText(vmText, { file: "bench.yaml", directory: workshop.directory }),
    hostConfig: await readHostFile(),
    directories: openDirectories(workshop.environment),
    policyFolder: POLICY_FOLDER,
    qemu: DEFAULT_QEMU,
  };
}

/** The filter that a launch loads for a role. */
export async function filterOfRole(request: PlanRequest, role: string): Promise<Buffer> {
  const policy = await loadRolePolicy({ folder: request.policyFolder, role });
  const cacheDirectory = `${request.directories.cache}/filters`;
  const frequencies = loadCallFrequencies({ folder: request.policyFolder, role });
  const program = await compiledFilter({ policy: policy.seccomp, phases: "lock-down", frequencies, cacheDirectory });
  return program.bytes;
}

/** What the private root of a role is made from. */
export async function inventoryOfRole(request: PlanRequest, role: string): Promise<ProgramInventory> {
  const policy = await loadRolePolicy({ folder: request.policyFolder, role });
  return takeInventory({ ...request.qemu, files: policy.files });
}
