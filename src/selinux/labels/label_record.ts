import { closeSync, fsyncSync, openSync, readdirSync, rmSync } from "node:fs";
import { type Directories, readJson, withExclusiveLock, writeJson } from "../../state/index.js";

/**
 * A file that does not have its own label: written before the label is changed, removed after it is back. So a crash at any
 * moment leaves a record too many, and never a file whose own label is lost.
 */
export interface LabelRecord {
  readonly schemaVersion: 1;
  /** `dev:ino`: what is restored is this file, whatever lies at the path by then. */
  readonly inode: string;
  readonly path: string;
  /** What it had before the first VM; null: none. */
  readonly original: string | null;
  readonly label: string;
  /** Names of the VMs that use it under this label. */
  readonly holders: readonly string[];
}

function recordsDirectory(directories: Directories): string {
  return `${directories.lib}/labels`;
}

const LOCK_NAME = "lock";
const SUFFIX = ".json";

/** Nobody else reads or changes records meanwhile. */
export function withRecords<Result>(directories: Directories, work: () => Result): Result {
  return withExclusiveLock(`${recordsDirectory(directories)}/${LOCK_NAME}`, work);
}

export function readLabelRecord(directories: Directories, inode: string): LabelRecord | null {
  return readJson(placeOf(directories, inode)) as LabelRecord | null;
}

export function writeLabelRecord(directories: Directories, record: LabelRecord): void {
  writeJson(placeOf(directories, record.inode), record);
}

/** Brings a record to the disk: before the label changes, which may reach it at any time. A power cut is a crash too. */
export function syncLabelRecord(directories: Directories, inode: string): void {
  for (const path of [placeOf(directories, inode), recordsDirectory(directories)]) {
    const fd = openSync(path, "r");
    fsyncSync(fd);
    closeSync(fd);
  }
}

export function removeLabelRecord(directories: Directories, inode: string): void {
  rmSync(placeOf(directories, inode), { force: true });
}

/** All files that do not have their own labels. */
export function listLabelRecords(directories: Directories): LabelRecord[] {
  let names: string[];
  try {
    names = readdirSync(recordsDirectory(directories)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .flatMap((name) => (readJson(`${recordsDirectory(directories)}/${name}`) as LabelRecord | null) ?? []);
}

function placeOf(directories: Directories, inode: string): string {
  return `${recordsDirectory(directories)}/${inode.replace(":", "-")}${SUFFIX}`;
}
