import { closeSync, constants, openSync } from "node:fs";
import { imageKey, type LaunchPlan, type ProcessPlan } from "../plan/index.js";
import { holdLabel, type LabelRecord, openLabelled, type ReleasedLabel, releaseLabels } from "../selinux/labels/index.js";
import { type Directories, logEvent } from "../state/index.js";
import type { OpenedFile } from "./image.js";

/**
 * By VM and `dev:ino`: the labelled images of VMs that this process supervises. A launcher that has confined itself opens nothing
 * by path, and still gives them their own labels back.
 */
const kept = new Map<string, Map<string, number>>();

/** An image of a plan, and the label that its process needs it to have. */
interface PlannedLabel {
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
  for (const { key, label } of processes.flatMap(labelsOf)) {
    const image = images.get(key);
    if (image === undefined) throw new Error(`no image was opened for ${key}`);
    const { path } = image.facts;
    holdLabel(directories, { fd: image.fd, inode: image.inode, path }, { label, vm });
    keepImage(vm, image);
    logEvent(directories, { event: "relabel", vm, path, detail: `it is ${label} now` });
  }
}

/** An open file description of its own: a lock on the image goes with its device, not with this. */
function keepImage(vm: string, { fd, inode }: OpenedFile): void {
  const images = kept.get(vm) ?? new Map<string, number>();
  kept.set(vm, images);
  if (!images.has(inode)) images.set(inode, openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NOCTTY));
}

function labelsOf({ selinux, fds }: ProcessPlan): PlannedLabel[] {
  if (selinux === null) return [];
  return fds.flatMap(({ source }): PlannedLabel[] => {
    if (source.from === "image" && selinux.image !== null) return [{ key: imageKey(source.device, 0), label: selinux.image }];
    return source.from === "backing" ? [{ key: imageKey(source.device, source.layer), label: selinux.sharedImage }] : [];
  });
}

/** Gives the images of a VM that has ended their own labels back. What could not be restored is told, and left to `gc`. */
export function releaseImages(directories: Directories, vm: string): void {
  const images = kept.get(vm) ?? new Map<string, number>();
  kept.delete(vm);
  const openFile = (record: LabelRecord): number => {
    const fd = images.get(record.inode);
    images.delete(record.inode);
    return fd ?? openLabelled(record);
  };
  try {
    report(
      directories,
      vm,
      releaseLabels(directories, (holder) => holder !== vm, openFile),
    );
  } finally {
    for (const fd of images.values()) closeSync(fd);
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
