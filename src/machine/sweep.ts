import { readdirSync, rmSync, statSync } from "node:fs";
import { StateError } from "../errors/index.js";
import { isCurrent, type ProgramInventory } from "../host/index.js";
import { listPids, mountRootsOf } from "../observe/index.js";
import { removeUnwantedRoots } from "../sandbox/index.js";
import { type Directories, NEXT_SUFFIX, readJson, releaseStrayUids, removeUnrecorded } from "../state/index.js";

/** Whole files are written aside and renamed within milliseconds; what is older, in ms, has lost its writer. */
const ASIDE_AGE_MS = 60_000;

/**
 * How the caches call a file that is not whole yet: `NAME.next` (records, inventories), `HASH.PID` (results of pure
 * computations), `KEY.bpf.UUID` (filters).
 */
const ASIDE_NAMES: readonly { readonly folder: string; readonly pattern: RegExp }[] = [
  { folder: "inventories", pattern: new RegExp(`\\${NEXT_SUFFIX}$`) },
  { folder: "results", pattern: /^[0-9a-f]{64}\.\d+$/ },
  { folder: "filters", pattern: /\.bpf\.[0-9a-f-]{36}$/ },
];

/**
 * What an explicit round of cleaning up removes beside the remains of VMs: names that were taken and never recorded, uids
 * reserved for no VM, halves of files, roots that were left half built, and prepared roots that no installed program needs
 * any more and no process stands in. Returns a line for each kind of thing that it removed. `onStep` as in cleanup.ts.
 */
export async function sweep(directories: Directories, onStep?: (step: SweepStep) => void): Promise<string[]> {
  onStep?.("sweep-state");
  removeUnrecorded(directories, 0);
  releaseStrayUids(directories);
  onStep?.("sweep-files");
  const halves = removeAside(directories.cache);
  const current = keepCurrentInventories(`${directories.cache}/inventories`);
  onStep?.("sweep-roots");
  const roots = await removeUnwantedRoots(directories.cache, (name) => current.has(name) || isStoodIn(name));
  const counted = [
    { count: halves, what: "half-written files" },
    { count: roots.length, what: "half-built or outdated roots" },
  ];
  return counted.filter(({ count }) => count > 0).map(({ count, what }) => `${count} ${what}`);
}

export type SweepStep = "sweep-state" | "sweep-files" | "sweep-roots";

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function removeAside(cacheDirectory: string): number {
  let removed = 0;
  for (const { folder, pattern } of ASIDE_NAMES) {
    const directory = `${cacheDirectory}/${folder}`;
    for (const name of listed(directory).filter((entry) => pattern.test(entry))) {
      const facts = statSync(`${directory}/${name}`, { throwIfNoEntry: false });
      if (facts === undefined || Date.now() - facts.mtimeMs < ASIDE_AGE_MS) continue;
      rmSync(`${directory}/${name}`, { force: true });
      removed += 1;
    }
  }
  return removed;
}

/** Names of the roots of all inventories that still describe installed programs; the others are forgotten. */
function keepCurrentInventories(directory: string): Set<string> {
  const names = new Set<string>();
  for (const name of listed(directory).filter((entry) => entry.endsWith(".json"))) {
    const inventory = readInventory(`${directory}/${name}`);
    if (inventory !== null && isCurrent(inventory)) names.add(inventory.sha256);
    else rmSync(`${directory}/${name}`, { force: true });
  }
  return names;
}

function readInventory(path: string): ProgramInventory | null {
  try {
    return readJson(path) as ProgramInventory | null;
  } catch (error) {
    if (error instanceof StateError) return null;
    throw error;
  }
}

/** Whether a process, of whatever state directory, has the root of this name mounted. Its files are read while it lives. */
function isStoodIn(name: string): boolean {
  return listPids().some((pid) => mountRootsOf(pid).some((root) => root.endsWith(`/${name}`)));
}
