import { mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import type { Directories } from "./directories.js";

/** The two categories that a VM leases. */
type Pair = readonly [number, number];

/**
 * Leases a pair of categories for a VM, for as long as its file stands in the run directory: the exclusive creation of that file
 * settles races between launchers. False when another VM has it.
 */
export function leaseCategories(directories: Directories, pair: Pair, vm: string): boolean {
  const directory = leasesDirectory(directories);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(`${directory}/${pair.join(",")}`, vm, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

/** The pairs that a VM leases, from the leases themselves: a launcher may die between lease and record. */
export function leasedCategories(directories: Directories, vm: string): Pair[] {
  return listLeases(directories).flatMap(({ name, owner }) => (owner === vm ? [parsePair(name)] : []));
}

/** Names of VMs that lease categories. */
export function leasingVms(directories: Directories): string[] {
  return [...new Set(listLeases(directories).map(({ owner }) => owner))].filter((vm) => vm !== "");
}

/** Gives back what a VM leases. Its processes must have ended and its images have their own labels again. */
export function releaseCategories(directories: Directories, vm: string): void {
  for (const pair of leasedCategories(directories, vm)) {
    unlessGone(() => unlinkSync(`${leasesDirectory(directories)}/${pair.join(",")}`), undefined);
  }
}

/** Removes leases without an owner: their launchers died between making the file and writing the VM's name into it. */
export function removeUnwrittenLeases(directories: Directories, ageMs: number): void {
  for (const { name, owner } of listLeases(directories)) {
    const path = `${leasesDirectory(directories)}/${name}`;
    const facts = statSync(path, { throwIfNoEntry: false });
    if (owner === "" && facts !== undefined && Date.now() - facts.mtimeMs >= ageMs) unlessGone(() => unlinkSync(path), undefined);
  }
}

function listLeases(directories: Directories): { name: string; owner: string }[] {
  const directory = leasesDirectory(directories);
  return unlessGone(() => readdirSync(directory), []).map((name) => {
    return { name, owner: unlessGone(() => readFileSync(`${directory}/${name}`, "utf8"), "") };
  });
}

function leasesDirectory(directories: Directories): string {
  return `${directories.run}/categories`;
}

function parsePair(name: string): Pair {
  const [first = Number.NaN, second = Number.NaN] = name.split(",").map(Number);
  return [first, second];
}

/** Other launchers release their leases at any moment. */
function unlessGone<Found, Otherwise>(read: () => Found, otherwise: Otherwise): Found | Otherwise {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return otherwise;
    throw error;
  }
}
