import { type KeyPath, type Problem, quoteValue, suggestFrom, type YamlTree } from "../text/index.js";
import { findBrokenDeviceRules } from "./device_rules.js";
import { formatSize, parseSize } from "./size.js";
import { type DeviceFile, type VmFile, vmSchema } from "./vm_schema.js";

/** Guest RAM is given in whole MiB, as QEMU's own `-m` counts it. */
const MEMORY_STEP_BYTES = 1024 ** 2;

/** A device whose shape is right, with its place in the list. */
export interface SoundDevice {
  readonly index: number;
  readonly device: DeviceFile;
}

export type Report = (path: KeyPath, message: string) => void;

/**
 * What the keys of a VM file say together. Only parts whose shape is right are looked at, so that a misspelt key in one device
 * does not hide a duplicate id in two others.
 */
export function findBrokenVmRules(tree: YamlTree): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (path, message) => problems.push({ offset: tree.offsetOf(path), message });
  const file = tree.value as { readonly [Key in "machine" | "boot" | "devices"]?: unknown };
  const { machine, boot } = vmSchema().shape;
  const soundMemory = machine.shape.memory.safeParse((file.machine as { readonly memory?: unknown } | null | undefined)?.memory);
  if (soundMemory.success) checkMemory(soundMemory.data, report);
  const listed = Array.isArray(file.devices) ? file.devices : [];
  const devices = listed.flatMap((item, index) => toSoundDevice(item, index));
  findBrokenDeviceRules(devices, report);
  const soundBoot = boot.safeParse(file.boot);
  const allSound = devices.length === listed.length;
  if (soundBoot.success) checkBoot(soundBoot.data, allSound ? devices : null, report);
  return problems;
}

function toSoundDevice(item: unknown, index: number): SoundDevice[] {
  const list = vmSchema().shape.devices.safeParse([item]);
  const device = list.success ? list.data[0] : undefined;
  return device === undefined ? [] : [{ index, device }];
}

function checkMemory(memory: string | number, report: Report): void {
  const memoryBytes = parseSize(memory);
  if (memoryBytes !== undefined && memoryBytes % MEMORY_STEP_BYTES === 0) return;
  const roundedBytes = Math.max(1, Math.round((memoryBytes ?? 0) / MEMORY_STEP_BYTES)) * MEMORY_STEP_BYTES;
  const remedy = memoryBytes === undefined ? "" : `; the nearest is ${formatSize(roundedBytes)}`;
  report(
    ["machine", "memory"],
    `machine.memory is ${memory}; it must be a multiple of 1M, at least 1M and below 2^53 bytes${remedy}`,
  );
}

/** `devices` is null when some device is malformed: the disk that is named may be that one. */
function checkBoot(boot: VmFile["boot"], devices: readonly SoundDevice[] | null, report: Report): void {
  if (boot === undefined) return;
  if (boot.disk !== undefined && boot.kernel !== undefined) {
    report(["boot"], "boot names a disk and a kernel; keep one of the two");
  }
  if (boot.disk === undefined && boot.kernel === undefined) {
    report(["boot"], "boot names nothing to boot from; give it disk or kernel, or leave boot out for the firmware's own order");
  }
  if (boot.disk === undefined || devices === null) return;
  const disks = devices.filter(({ device }) => device.disk !== undefined).map(({ device }) => device.id);
  if (disks.includes(boot.disk)) return;
  const exists = devices.some(({ device }) => device.id === boot.disk);
  const named = `boot.disk names ${quoteValue(boot.disk)}, which is ${exists ? "not a disk" : "no device of this file"}`;
  report(
    ["boot", "disk"],
    disks.length === 0 ? `${named}; no device here has a disk` : `${named}${suggestFrom(boot.disk, disks)}`,
  );
}
