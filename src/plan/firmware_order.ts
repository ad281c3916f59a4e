import { PlanError } from "../errors/index.js";
import type { DeviceSpec, VmSpec } from "../spec/index.js";

/**
 * The order in which SeaBIOS numbers hard disks when QEMU gives it no boot order, which it cannot for proxied devices: by
 * driver, then by PCI address. Observed on SeaBIOS 1.16 with all pairs of these models. Only the first disk is booted.
 */
const DRIVER_ORDER: Readonly<Record<string, number>> = {
  "ich9-ahci": 0,
  lsi53c895a: 1,
  am53c974: 2,
  dc390: 2,
  megasas: 3,
  "megasas-gen2": 3,
  pvscsi: 4,
  mptsas1068: 5,
  "sdhci-pci": 6,
  nvme: 7,
};

/** Devices in the order of their PCI slots: the boot disk first, so that the firmware finds it before others of its driver. */
export function orderForFirmware(spec: VmSpec): DeviceSpec[] {
  const { boot, devices } = spec;
  if (boot?.kind !== "disk") return [...devices];
  const bootDisk = devices.find((device) => device.id === boot.disk);
  const earlier = devices.find((device) => device.disk !== null && driverOrder(device) < driverOrder(bootDisk));
  if (bootDisk !== undefined && earlier !== undefined) throw wrongOrder(spec, bootDisk, earlier);
  return [...devices].sort((a, b) => Number(b.id === boot.disk) - Number(a.id === boot.disk));
}

function driverOrder(device: DeviceSpec | undefined): number {
  return DRIVER_ORDER[device?.model ?? ""] ?? Number.POSITIVE_INFINITY;
}

function wrongOrder(spec: VmSpec, bootDisk: DeviceSpec, earlier: DeviceSpec): PlanError {
  return new PlanError({
    code: "boot-disk-shadowed",
    tried: `${spec.source.locate(["boot", "disk"])}: cannot boot from "${bootDisk.id}"`,
    subject: bootDisk.id,
    answer: `the firmware numbers disks of model ${earlier.model} ("${earlier.id}") before those of model ${bootDisk.model}, and boots only the first`,
    remedy: `Boot from "${earlier.id}", or give both one model.`,
  });
}
