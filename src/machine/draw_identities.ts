import type { HostFacts } from "../host/index.js";
import type { Identity, LaunchPlan } from "../plan/index.js";
import {
  type Categories,
  type CategoryPair,
  drawPair,
  drawProcessCategory,
  labelProcess,
  levelsOf,
  type ProcessLabels,
  parseContext,
  readLevelsInUse,
} from "../selinux/index.js";
import { listLabelRecords } from "../selinux/labels/index.js";
import { type HostConfig, VMM_ID } from "../spec/index.js";
import { type Directories, drawUid, leaseCategories, readUidUse, reserveUid } from "../state/index.js";

/** Whom identities are drawn for, and from what. */
export interface IdentityRequest {
  readonly vm: string;
  readonly hostConfig: HostConfig;
  readonly facts: Pick<HostFacts, "selinux">;
  readonly directories: Directories;
  /** False: what is drawn stays free. */
  readonly reserves: boolean;
}

/** A process by its id and the name of its role. */
export interface NamedProcess {
  readonly id: string;
  readonly role: string;
}

/**
 * Draws a uid for each process and, where this host enforces SELinux with our module, the VM's pair of categories and one
 * category for each process. `onReserved` hears of the uids drawn so far each time there is one more.
 */
export function drawIdentities(
  request: IdentityRequest,
  processes: readonly NamedProcess[],
  onReserved: (uids: readonly number[]) => void,
): Map<string, Identity> {
  const labels = drawLabels(request, processes);
  const owner = { vm: request.vm, use: readUidUse() };
  const range = request.hostConfig.uids;
  const uids: number[] = [];
  const identities = new Map<string, Identity>();
  for (const { id } of processes) {
    const uid = request.reserves
      ? reserveUid(request.directories, range, owner)
      : drawUid(range, owner, (drawn) => !uids.includes(drawn));
    uids.push(uid);
    onReserved([...uids]);
    identities.set(id, { uid, gid: uid, labels: labels.get(id) ?? null });
  }
  return identities;
}

function drawLabels(request: IdentityRequest, processes: readonly NamedProcess[]): Map<string, ProcessLabels> {
  const { facts, hostConfig, directories, reserves, vm } = request;
  if (!facts.selinux.available) return new Map();
  const { launcher } = facts.selinux;
  const inUse = readAllLevels(directories);
  const take = (pair: CategoryPair): boolean => !reserves || leaseCategories(directories, pair, vm);
  const pair = drawPair(hostConfig.categories, inUse, take);
  const taken: number[] = [];
  const labels = processes.map(({ id, role }): [string, ProcessLabels] => {
    const category = drawProcessCategory(hostConfig.categories, pair, { taken, inUse });
    taken.push(category);
    return [id, labelProcess({ launcher, pair, category, role, isVmm: id === VMM_ID })];
  });
  return new Map(labels);
}

/** Of processes, whoever started them, and of images that have not got their own label back. */
function readAllLevels(directories: Directories): Categories[] {
  return [...readLevelsInUse(), ...listLabelRecords(directories).flatMap(({ label }) => levelsOf(label))];
}

/** The contexts of one more device of a VM that runs: at its pair, with a category that no process of it has. */
export function drawLabelsOfAdded(
  request: Pick<IdentityRequest, "hostConfig" | "facts" | "directories">,
  running: LaunchPlan,
  device: NamedProcess,
): ProcessLabels | null {
  const { facts, hostConfig, directories } = request;
  const vmm = running.processes.find(({ id }) => id === VMM_ID)?.selinux ?? null;
  if (!facts.selinux.available || vmm === null) return null;
  const [first = Number.NaN, second = Number.NaN] = parseContext(vmm.context).low;
  const pair: CategoryPair = [first, second];
  const levels = running.processes.flatMap(({ selinux }) => (selinux === null ? [] : [parseContext(selinux.context).high]));
  const taken = levels.flat().filter((category) => !pair.includes(category));
  const category = drawProcessCategory(hostConfig.categories, pair, { taken, inUse: readAllLevels(directories) });
  return labelProcess({ launcher: facts.selinux.launcher, pair, category, role: device.role, isVmm: false });
}
