import type { DeviceSpec } from "../spec/index.js";
import type { FdPlan, MonitorCommand } from "./launch_plan.js";
import type { ImageFacts } from "./plan_inputs.js";

/** Layer 0 is the disk's own file, 1 its backing file, 2 the backing file of that. */
export function imageKey(device: string, layer: number): string {
  return layer === 0 ? device : `${device}-backing${layer}`;
}

/** The block node that holds what the guest sees of a layer; the key of layer 0 is the device's id. */
export function formatNodeName(key: string): string {
  return `${key}-format`;
}

/** Files of a disk as they are opened, its own first. */
export function imageLayers(device: DeviceSpec): readonly { readonly file: string; readonly format: "raw" | "qcow2" }[] {
  return device.disk === null ? [] : [device.disk, ...device.disk.backing];
}

/** Fd sets are numbered per process, from 1; the first holds the disk's own file. */
const FIRST_FD_SET = 1;

/** `/dev/fdset/1`: where QEMU looks for the image; nothing in the file system. */
export function imagePath(layer: number): string {
  return `/dev/fdset/${FIRST_FD_SET + layer}`;
}

/** `-add-fd` for each file of a disk, at the fds that planImageFds() gives. */
export function imageArguments(device: DeviceSpec, firstFd: number): string[] {
  return imageLayers(device).flatMap((_, layer) => ["-add-fd", `fd=${firstFd + layer},set=${FIRST_FD_SET + layer}`]);
}

/** The fds of a disk's files, its own first. Backing files are never writable, whatever the disk is. */
export function planImageFds(device: DeviceSpec, images: ReadonlyMap<string, ImageFacts>, firstFd: number): FdPlan[] {
  return imageLayers(device).map((_, layer): FdPlan => {
    const facts = images.get(imageKey(device.id, layer));
    if (facts === undefined) throw new Error(`no image was opened for layer ${layer} of device ${device.id}`);
    const { kind, path } = facts;
    const fd = firstFd + layer;
    if (layer > 0) {
      const source = { from: "backing", device: device.id, layer, path } as const;
      return { fd, kind, purpose: `backing file ${layer} of ${device.id}`, access: "r", source };
    }
    const access = device.disk?.readOnly === true ? "r" : "rw";
    return { fd, kind, purpose: `image of ${device.id}`, access, source: { from: "image", device: device.id, path } };
  });
}

/** One blockdev-add for the whole chain. `kinds`: what each file turned out to be, the disk's own first. */
export function attachImage(device: DeviceSpec, kinds: readonly ImageFacts["kind"][]): MonitorCommand {
  return { execute: "blockdev-add", arguments: formatNode(device, kinds, 0) };
}

function formatNode(device: DeviceSpec, kinds: readonly ImageFacts["kind"][], layer: number): Record<string, unknown> {
  const layers = imageLayers(device);
  const readOnly = layer > 0 || device.disk?.readOnly === true;
  // auto-read-only would make QEMU ask the fd set for a second, read-only fd first.
  const access = { "read-only": readOnly, "auto-read-only": false };
  const name = imageKey(device.id, layer);
  const { format } = layers[layer] ?? {};
  // Said even where there is none: a name in the header, which a tenant can write at any time, is then never looked at.
  const hasBacking = layer + 1 < layers.length;
  const backing = format === "qcow2" ? { backing: hasBacking ? formatNode(device, kinds, layer + 1) : null } : {};
  return {
    driver: format,
    "node-name": formatNodeName(name),
    ...access,
    file: {
      driver: kinds[layer] === "block" ? "host_device" : "file",
      "node-name": `${name}-file`,
      filename: imagePath(layer),
      locking: "on",
      ...access,
    },
    ...backing,
  };
}
