import { closeSync, constants, openSync } from "node:fs";
import { dataKey, imageKey, type LaunchPlan, type ProcessPlan } from "../plan/index.js";
import { holdLabel, type LabelRecord, openLabelled, type ReleasedLabel, releaseLabels } from "../selinux/labels/index.js";
import { type Directories, logEvent } from "../state/index.js";
import type { OpenedFile } from "./image.js";

/** An image that is labelled for a process, by an fd of our own. */
interface KeptImage {
  readonly process: string;
  readonly inode: string;
  readonly fd: number;
}

/**
 * By VM: the labelled images of those that this process supervises. A launcher that has confined itself opens nothing by path, and
 * still gives them their own labels back.
 */
const kept = new Map<string, KeptImage[]>();

/** An image of a plan, and the label that its process needs it to have. */
interface PlannedLabel {
  readonly process: string;
  readonly key: string;
  readonly label: string;
}

/**
 * Labels the images of these processes for their VM, each through the fd that was checked. Does nothing where the plan has no
 * labels. Throws SelinuxError; what was labelled until then is on record, and releaseImages() undoes it.
 */
export function holdImages(
  directories: Directories,
  { vm, processes }: Pick<LaunchPlan, "vm" | "processes">,
  images: ReadonlyMap<string, OpenedFile>,
): void {
  for (const { process, key, label } of processes.flatMap(labelsOf)) {
    const image = images.get(key);
    if (image === undefined) throw new Error(`no image was opened for ${key}`);
    const { path } = image.facts;
    holdLabel(directories, { fd: image.fd, inode: image.inode, path }, { label, vm });
    keepImage(vm, process, image);
    logEvent(directories, { event: "relabel", vm, path, detail: `it is ${label} now` });
  }
}

/** An open file description of its own: a lock on the image goes with its device, not with this. */
function keepImage(vm: string, process: string, { fd, inode }: OpenedFile): void {
  const own = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NOCTTY);
  kept.set(vm, [...(kept.get(vm) ?? []), { process, inode, fd: own }]);
}

function labelsOf({ id: process, selinux, fds }: ProcessPlan): PlannedLabel[] {
  if (selinux === null) return [];
  return fds.flatMap(({ source }): PlannedLabel[] => {
    const { device, layer } = { device: "", layer: 0, ...source };
    const label = layer === 0 ? selinux.image : selinux.sharedImage;
    if (label === null) return [];
    if (source.from === "image" || source.from === "backing") return [{ process, key: imageKey(device, layer), label }];
    return source.from === "data" ? [{ process, key: dataKey(device, layer), label }] : [];
  });
}

/** Gives the images of a VM that has ended their own labels back. What could not be restored is told, and left to `gc`. */
export function releaseImages(directories: Directories, vm: string): void {
  const images = kept.get(vm) ?? [];
  kept.delete(vm);
  release(directories, images, { vm, isHeld: (holder) => holder !== vm });
}

/** Likewise those of one process, which has ended while its VM runs, unless another process of the VM uses them too. */
export function releaseImagesOf(directories: Directories, vm: string, process: string): void {
  const [own, others] = [true, false].map((wanted) => (kept.get(vm) ?? []).filter((one) => (one.process === process) === wanted));
  kept.set(vm, others ?? []);
  const leaving = (own ?? []).map(({ inode }) => inode).filter((inode) => !others?.some((other) => other.inode === inode));
  release(directories, own ?? [], { vm, isHeld: (holder, { inode }) => holder !== vm || !leaving.includes(inode) });
}

interface Leaving {
  readonly vm: string;
  readonly isHeld: (holder: string, record: LabelRecord) => boolean;
}

/** Uses and closes the fds that were kept; opens what this process has not labelled itself. */
function release(directories: Directories, images: readonly KeptImage[], { vm, isHeld }: Leaving): void {
  const open = new Map(images.map(({ inode, fd }) => [inode, fd]));
  for (const { inode, fd } of images) if (open.get(inode) !== fd) closeSync(fd);
  const openFile = (record: LabelRecord): number => {
    const fd = open.get(record.inode);
    open.delete(record.inode);
    return fd ?? openLabelled(record);
  };
  try {
    report(directories, vm, releaseLabels(directories, isHeld, openFile));
  } finally {
    for (const fd of open.values()) closeSync(fd);
  }
}

/** Likewise of all VMs that are not there any more. */
export function releaseImagesOfDead(directories: Directories, isThere: (vm: string) => boolean): void {
  report(directories, "", releaseLabels(directories, isThere));
}

function report(directories: Directories, vm: string, released: readonly ReleasedLabel[]): void {
  for (const { path, outcome, detail } of released) {
    const event = outcome === "restored" || outcome === "kept" ? "relabel" : "label-left";
    logEvent(directories, { event, vm, path, detail });
  }
}
