import { closeSync, constants, fstatSync, openSync } from "node:fs";
import type { Directories } from "../../state/index.js";
import { readLabel, writeLabel } from "../index.js";
import { type LabelRecord, listLabelRecords, removeLabelRecord, withRecords, writeLabelRecord } from "./label_record.js";

/** What became of one file. */
export interface ReleasedLabel {
  readonly path: string;
  /** `kept`: another VM uses it; `left`: it could not be restored now, and stays on record. */
  readonly outcome: "restored" | "kept" | "changed" | "gone" | "left";
  readonly detail: string;
}

/** Opens the file of a record; the fd is closed afterwards. */
export type OpenFile = (record: LabelRecord) => number;

/** By its path, which is not followed when it is a link by now. */
export function openLabelled({ path }: LabelRecord): number {
  return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
}

/**
 * Gives files their own labels back where `isHeld` says of none of their VMs that it uses them. A file that somebody else relabelled
 * meanwhile, or that is not there any more, is left as it is and forgotten; one that cannot be reached now stays on record.
 * Files are opened by their paths unless `openFile` knows better.
 */
export function releaseLabels(
  directories: Directories,
  isHeld: (vm: string, record: LabelRecord) => boolean,
  openFile: OpenFile = openLabelled,
): ReleasedLabel[] {
  if (listLabelRecords(directories).length === 0) return [];
  return withRecords(directories, () =>
    listLabelRecords(directories).flatMap((record) => {
      const holders = record.holders.filter((holder) => isHeld(holder, record));
      if (holders.length === record.holders.length && holders.length > 0) return [];
      if (holders.length > 0) {
        writeLabelRecord(directories, { ...record, holders });
        return [{ path: record.path, outcome: "kept", detail: `"${holders.join('", "')}" still has it` } as const];
      }
      return [releaseFile(directories, record, openFile)];
    }),
  );
}

function releaseFile(directories: Directories, record: LabelRecord, openFile: OpenFile): ReleasedLabel {
  const { path } = record;
  try {
    const fd = openFile(record);
    try {
      const facts = fstatSync(fd);
      const released =
        `${facts.dev}:${facts.ino}` === record.inode
          ? restore(fd, record)
          : { path, outcome: "gone" as const, detail: "another file lies there now" };
      removeLabelRecord(directories, record.inode);
      return released;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return { path, outcome: "left", detail };
    removeLabelRecord(directories, record.inode);
    return { path, outcome: "gone", detail: "it was removed" };
  }
}

function restore(fd: number, { path, original, label }: LabelRecord): ReleasedLabel {
  const observed = readLabel(fd);
  if (observed === original) return { path, outcome: "restored", detail: `it has its own label, ${original ?? "none"}` };
  if (observed !== label) {
    const detail = `it was labelled ${label} and is ${observed ?? "without label"} now: somebody relabelled it`;
    return { path, outcome: "changed", detail };
  }
  // A label cannot be taken off where SELinux runs; a file that had none keeps ours, at no category that a VM may draw.
  if (original === null) return { path, outcome: "changed", detail: `it had no label before, and keeps ${label}` };
  writeLabel(fd, original, path);
  return { path, outcome: "restored", detail: `${label} became ${original}` };
}
