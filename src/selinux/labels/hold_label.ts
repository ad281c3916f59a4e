import { SelinuxError } from "../../errors/index.js";
import type { Directories } from "../../state/index.js";
import { readLabel, writeLabel } from "../index.js";
import { type LabelRecord, readLabelRecord, syncLabelRecord, withRecords, writeLabelRecord } from "./label_record.js";

/** A file that was opened and checked, for a VM that is to use it. */
export interface LabelledImage {
  readonly fd: number;
  /** `dev:ino` */
  readonly inode: string;
  readonly path: string;
}

/** What happens while a label is changed, as crash tests name it. */
export type LabelStep = "recorded" | "labelled";

/**
 * Labels a file for a VM, through the fd that was checked, and notes what it had before. Nothing is noted of a file that has the
 * label already and is on no record: it is an administrator's doing. Throws SelinuxError "label-held", "label-changed",
 * "label-unwritable", "label-differs".
 */
export function holdLabel(
  directories: Directories,
  image: LabelledImage,
  wanted: { readonly label: string; readonly vm: string; readonly onStep?: (step: LabelStep) => void },
): void {
  const { label, vm, onStep } = wanted;
  withRecords(directories, () => {
    const known = readLabelRecord(directories, image.inode);
    const observed = readLabel(image.fd);
    if (known === null && observed === label) return;
    writeLabelRecord(directories, recordOf(image, { known, observed, label, vm }));
    syncLabelRecord(directories, image.inode);
    onStep?.("recorded");
    writeLabel(image.fd, label, image.path);
    onStep?.("labelled");
  });
}

interface Observation {
  readonly known: LabelRecord | null;
  readonly observed: string | null;
  readonly label: string;
  readonly vm: string;
}

function recordOf({ inode, path }: LabelledImage, { known, observed, label, vm }: Observation): LabelRecord {
  if (known === null) return { schemaVersion: 1, inode, path, original: observed, label, holders: [vm] };
  const others = known.holders.filter((holder) => holder !== vm);
  // A launch that died may have left this VM's own name on the record.
  if (others.length > 0 && known.label !== label) throw held(path, { label, known, others });
  if (others.length > 0 && observed !== known.label) throw changed(path, known, observed);
  return { ...known, path, label, holders: [...others, vm] };
}

function held(path: string, about: { label: string; known: LabelRecord; others: readonly string[] }): SelinuxError {
  return new SelinuxError({
    code: "label-held",
    tried: `Cannot label ${path} as ${about.label}`,
    subject: path,
    answer: `VM "${about.others.join('", "')}" has it as ${about.known.label}`,
    remedy: "End that VM first, or run `bulkhead gc` when it has ended.",
  });
}

function changed(path: string, known: LabelRecord, observed: string | null): SelinuxError {
  return new SelinuxError({
    code: "label-changed",
    tried: `Cannot use ${path}`,
    subject: path,
    answer: `it was labelled ${known.label} for "${known.holders.join('", "')}" and is ${observed ?? "without label"} now: somebody relabelled it`,
    remedy: "Find out who did; no restorecon may run over images that are in use.",
  });
}
