import type { BackingSpec, DeviceSpec } from "../spec/index.js";
import type { FdPlan, FdSource, MonitorCommand } from "./launch_plan.js";
import type { ImageFacts } from "./plan_inputs.js";

/** Layer 0 is the disk's own file, 1 its backing file, 2 the backing file of that. */
export function imageKey(device: string, layer: number): string {
  return layer === 0 ? device : `${device}-backing${layer}`;
}

/** The key of the data file of a layer. */
export function dataKey(device: string, layer: number): string {
  return `${imageKey(device, layer)}-data`;
}

/** The block node that holds what the guest sees of a layer; the key of layer 0 is the device's id. */
export function formatNodeName(key: string): string {
  return `${key}-format`;
}

/** Images of a disk, its own first. */
export function imageLayers(device: DeviceSpec): readonly BackingSpec[] {
  return device.disk === null ? [] : [device.disk, ...device.disk.backing];
}

/** One file of a disk. */
export interface ImageFile {
  readonly key: string;
  readonly layer: number;
  /** The data file of the layer's image, which is another. */
  readonly isData: boolean;
  readonly file: string;
}

/** Files of a disk as they are opened, its own first, each data file after its image. */
export function imageFiles(device: DeviceSpec): readonly ImageFile[] {
  return imageLayers(device).flatMap(({ file, dataFile }, layer) => {
    const image = { key: imageKey(device.id, layer), layer, isData: false, file };
    if (dataFile === undefined) return [image];
    return [image, { key: dataKey(device.id, layer), layer, isData: true, file: dataFile }];
  });
}

/** Fd sets are numbered per process, from 1; the first holds the disk's own file. */
const FIRST_FD_SET = 1;

/** `/dev/fdset/1`: where QEMU looks for the file; nothing in the file system. */
function filePath(device: DeviceSpec, key: string): string {
  return `/dev/fdset/${FIRST_FD_SET + imageFiles(device).findIndex((file) => file.key === key)}`;
}

/** `-add-fd` for each file of a disk, at the fds that planImageFds() gives. */
export function imageArguments(device: DeviceSpec, firstFd: number): string[] {
  return imageFiles(device).flatMap((_, index) => ["-add-fd", `fd=${firstFd + index},set=${FIRST_FD_SET + index}`]);
}

/** The fds of a disk's files, its own first. Backing files and their data are never writable, whatever the disk is. */
export function planImageFds(device: DeviceSpec, images: ReadonlyMap<string, ImageFacts>, firstFd: number): FdPlan[] {
  return imageFiles(device).map(({ key, layer, isData }, index): FdPlan => {
    const facts = images.get(key);
    if (facts === undefined) throw new Error(`no file was opened for ${key}`);
    const { kind, path } = facts;
    const fd = firstFd + index;
    const access = layer > 0 || device.disk?.readOnly === true ? "r" : "rw";
    const image = layer === 0 ? `image of ${device.id}` : `backing file ${layer} of ${device.id}`;
    return { fd, kind, purpose: isData ? `data of ${image}` : image, access, source: sourceOf(device, { layer, isData, path }) };
  });
}

function sourceOf(
  { id: device }: DeviceSpec,
  { layer, isData, path }: { layer: number; isData: boolean; path: string },
): FdSource {
  if (isData) return { from: "data", device, layer, path };
  return layer === 0 ? { from: "image", device, path } : { from: "backing", device, layer, path };
}

/** What a file turned out to be, by its key. */
export type KindOf = (key: string) => ImageFacts["kind"];

/** One blockdev-add for the whole chain. */
export function attachImage(device: DeviceSpec, kindOf: KindOf): MonitorCommand {
  return { execute: "blockdev-add", arguments: formatNode(device, kindOf, 0) };
}

function formatNode(device: DeviceSpec, kindOf: KindOf, layer: number): Record<string, unknown> {
  const layers = imageLayers(device);
  const { format, dataFile } = layers[layer] ?? {};
  const readOnly = layer > 0 || device.disk?.readOnly === true;
  // auto-read-only would make QEMU ask the fd set for a second, read-only fd first.
  const access = { "read-only": readOnly, "auto-read-only": false };
  const fileNode = (key: string) => ({
    driver: kindOf(key) === "block" ? "host_device" : "file",
    "node-name": `${key}-file`,
    filename: filePath(device, key),
    locking: "on",
    ...access,
  });
  const name = imageKey(device.id, layer);
  // Said even where there is none: a name in the header, which a tenant can write at any time, is then never looked at.
  const hasBacking = layer + 1 < layers.length;
  const backing = format === "qcow2" ? { backing: hasBacking ? formatNode(device, kindOf, layer + 1) : null } : {};
  const data = dataFile === undefined ? {} : { "data-file": fileNode(dataKey(device.id, layer)) };
  return { driver: format, "node-name": formatNodeName(name), ...access, file: fileNode(name), ...data, ...backing };
}
