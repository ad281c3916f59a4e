import { createHash } from "node:crypto";
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readdirSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, open, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SandboxError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import { addon, answerOf } from "../kernel/index.js";
import { compareRoot, MOUNT_POINTS, type RootLabels, SEALED_MTIME_S } from "../verify/index.js";
import { labelRoot } from "./root_labels.js";

const DIRECTORY_MODE = 0o755;

/** Below the cache directory; one directory per content, named by its hash. */
export function rootsDirectory(cacheDirectory: string): string {
  return `${cacheDirectory}/roots`;
}

/**
 * Makes sure that the private root of this inventory stands, complete, unchanged and labelled (null: on a host without
 * SELinux), and returns its path.
 * Built beside its place and moved there in one step, so that a launch never sees half of one.
 * Throws SandboxError "root-unbuildable".
 */
export async function prepareRoot(
  cacheDirectory: string,
  inventory: ProgramInventory,
  labels: RootLabels | null = null,
): Promise<string> {
  const path = `${rootsDirectory(cacheDirectory)}/${inventory.sha256}`;
  if (compareRoot(path, inventory).length > 0) await buildRoot(cacheDirectory, inventory, path);
  if (labels !== null) labelRoot(path, inventory, labels);
  return path;
}

async function buildRoot(cacheDirectory: string, inventory: ProgramInventory, path: string): Promise<void> {
  try {
    await mkdir(rootsDirectory(cacheDirectory), { recursive: true, mode: 0o700 });
    const building = await startBuilding(rootsDirectory(cacheDirectory));
    try {
      await fillRoot(building.path, inventory);
      await moveIntoPlace(building.path, path, inventory);
    } finally {
      closeSync(building.lockFd);
    }
  } catch (cause) {
    throw new SandboxError({
      code: "root-unbuildable",
      tried: `Cannot build the private root of ${inventory.program}`,
      subject: path,
      answer: answerOf(cause),
      remedy: "Free some space there (a root takes some 100 MB), or delete the cache directory.",
      cause,
    });
  }
}

/** Begins the name of a root that is not whole yet, or not any more. */
const BUILDING_PREFIX = ".building-";

/** A directory to build in, locked for as long as its builder lives: what is not locked was left by one that died. */
async function startBuilding(directory: string): Promise<{ path: string; lockFd: number }> {
  for (;;) {
    const path = await mkdtemp(`${directory}/${BUILDING_PREFIX}`);
    const lockFd = lockDirectory(path);
    if (lockFd !== null) return { path, lockFd };
  }
}

/** null when somebody else holds the lock, or removed the directory before it was taken. */
function lockDirectory(path: string): number | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  if (addon.tryLock({ fd }) && lstatSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd;
  closeSync(fd);
  return null;
}

/**
 * Removes roots that nobody is building any more, and complete ones that `isWanted` does not want. Returns their names. A root
 * is moved aside first, so that a launch never meets half of one.
 */
export async function removeUnwantedRoots(cacheDirectory: string, isWanted: (name: string) => boolean): Promise<string[]> {
  const directory = rootsDirectory(cacheDirectory);
  const removed: string[] = [];
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const path = `${directory}/${name}`;
    if (!name.startsWith(BUILDING_PREFIX) && isWanted(name)) continue;
    const lockFd = lockDirectory(path);
    if (lockFd === null) continue;
    try {
      const aside = name.startsWith(BUILDING_PREFIX) ? path : `${directory}/${BUILDING_PREFIX}${name}`;
      if (aside !== path) await rename(path, aside);
      await rm(aside, { recursive: true, force: true });
      removed.push(name);
    } finally {
      closeSync(lockFd);
    }
  }
  return removed;
}

async function fillRoot(root: string, inventory: ProgramInventory): Promise<void> {
  await chmod(root, DIRECTORY_MODE);
  for (const link of inventory.links) {
    await mkdir(join(root, link.to), { recursive: true, mode: DIRECTORY_MODE });
    await symlink(link.to, join(root, link.target));
  }
  for (const point of MOUNT_POINTS) await mkdir(join(root, point), { mode: DIRECTORY_MODE });
  for (const file of inventory.files) {
    const place = join(root, file.target);
    await mkdir(dirname(place), { recursive: true, mode: DIRECTORY_MODE });
    await copyFile(file.source, place, constants.COPYFILE_FICLONE);
    await sealFile(place, file);
  }
}

/** A package upgrade between inventory and copy must not leave other content under this name, a power cut no holes. */
async function sealFile(place: string, file: ProgramInventory["files"][number]): Promise<void> {
  const handle = await open(place, "r");
  try {
    const content = await handle.readFile();
    if (createHash("sha256").update(content).digest("hex") !== file.sha256)
      throw new Error(`${file.source} changed while it was copied`);
    await handle.chmod(file.mode);
    await handle.utimes(SEALED_MTIME_S, SEALED_MTIME_S);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Moves a built root to its place. Another launcher may have built the same meanwhile and come first: then its root stays, for
 * processes may run from it already, and ours goes. A root there that is not what it should be is put aside and replaced.
 */
async function moveIntoPlace(from: string, to: string, inventory: ProgramInventory): Promise<void> {
  const old = `${from}-old`;
  for (;;) {
    try {
      await rename(from, to);
      break;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
    if (compareRoot(to, inventory).length === 0) {
      await rm(from, { recursive: true });
      break;
    }
    await rm(old, { recursive: true, force: true });
    await rename(to, old).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
  await rm(old, { recursive: true, force: true });
}
