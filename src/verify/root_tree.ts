import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import type { ProgramInventory } from "../host/index.js";

/** Mount points that every private root has, used or not: a content-addressed root serves all launches. */
export const MOUNT_POINTS = ["/dev", "/boot"] as const;

/**
 * Every file of a root has this modification time, in seconds since the epoch, so that a later write shows. It guards
 * against accidents, not against root, whom we trust: the directory is closed to everybody else.
 */
export const SEALED_MTIME_S = 1;

/**
 * What differs between a directory and the root that the inventory describes; empty when it is exactly that. Mount points
 * must be empty but for those in `mounted`, which are not looked into. Synchronous: a launch asks it of every process while
 * guests wait.
 */
export function compareRoot(root: string, inventory: ProgramInventory, mounted: readonly string[] = []): string[] {
  let found: Map<string, string>;
  try {
    // The slash: /proc/PID/root is a link, and what it leads to is meant.
    found = describeTree(root, mounted).set("/", describeDirectory(`${root}/`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [`${root} is missing`];
    throw error;
  }
  const planned = plannedTree(inventory);
  const differences: string[] = [];
  for (const [path, facts] of planned) {
    const observed = found.get(path);
    if (observed !== facts) differences.push(`${path}: planned ${facts}, observed ${observed ?? "nothing"}`);
  }
  for (const path of found.keys()) if (!planned.has(path)) differences.push(`${path}: not planned`);
  return differences;
}

/** An inventory is compared with the root that stands prepared and with that of each process. */
const plannedTrees = new WeakMap<ProgramInventory, ReadonlyMap<string, string>>();

function plannedTree(inventory: ProgramInventory): ReadonlyMap<string, string> {
  const known = plannedTrees.get(inventory);
  if (known !== undefined) return known;
  const tree = makePlannedTree(inventory);
  plannedTrees.set(inventory, tree);
  return tree;
}

function makePlannedTree(inventory: ProgramInventory): Map<string, string> {
  const tree = new Map([["/", "directory 755 of 0:0"]]);
  const addParents = (path: string): void => {
    for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) tree.set(parent, "directory 755 of 0:0");
  };
  for (const point of MOUNT_POINTS) tree.set(point, "directory 755 of 0:0");
  for (const link of inventory.links) {
    tree.set(link.target, `link to ${link.to}`);
    tree.set(`/${link.to}`, "directory 755 of 0:0");
    addParents(`/${link.to}`);
  }
  for (const file of inventory.files) {
    const place = throughLinks(file.target, inventory);
    tree.set(place, `file ${file.mode.toString(8)} of 0:0, ${file.sizeBytes} bytes, written at ${SEALED_MTIME_S}`);
    addParents(place);
  }
  return tree;
}

/** `/lib64/ld.so` stands at `/usr/lib64/ld.so` where /lib64 is a link. */
function throughLinks(target: string, inventory: ProgramInventory): string {
  const link = inventory.links.find((candidate) => target.startsWith(`${candidate.target}/`));
  return link === undefined ? target : `/${link.to}${target.slice(link.target.length)}`;
}

/** Of the directory itself, also where the path is a link to it, as /proc/PID/root is. */
function describeDirectory(path: string): string {
  const facts = lstatSync(`${path}/.`);
  return `directory ${modeOf(facts)} of ${facts.uid}:${facts.gid}`;
}

function describeTree(
  root: string,
  mounted: readonly string[],
  below = "",
  tree = new Map<string, string>(),
): Map<string, string> {
  // Plain concatenation: this runs for hundreds of files before each guest, and join() takes longer than the kernel.
  for (const entry of readdirSync(`${root}${below}/`, { withFileTypes: true })) {
    const path = `${below}/${entry.name}`;
    const facts = lstatSync(`${root}${path}`);
    if (entry.isDirectory()) {
      tree.set(path, describeDirectory(`${root}${path}`));
      if (!mounted.includes(path)) describeTree(root, mounted, path, tree);
    } else if (entry.isSymbolicLink()) tree.set(path, `link to ${readlinkSync(`${root}${path}`)}`);
    else
      tree.set(
        path,
        `file ${modeOf(facts)} of ${facts.uid}:${facts.gid}, ${facts.size} bytes, written at ${facts.mtimeMs / 1000}`,
      );
  }
  return tree;
}

function modeOf(facts: Stats): string {
  return (facts.mode & 0o7777).toString(8);
}
