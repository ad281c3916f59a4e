import type { DeviceProxy } from "./device_proxy.js";

/** A region as QEMU's proxy makes it of what the device answers. */
export interface ProbedRegion {
  /** 0 to 6; 6 is the register at 28h, which is no BAR: QEMU asks for the PCI_NUM_REGIONS registers from 10h on. */
  readonly index: number;
  /** I/O when bit 0 was read back as 1, which the upper half of a 64-bit BAR does too. */
  readonly kind: "io" | "memory";
  readonly sizeBytes: number;
}

export interface ProbedDevice {
  readonly vendorId: number;
  readonly deviceId: number;
  /** Class and subclass, without the programming interface. */
  readonly classCode: number;
  readonly subsystemId: number;
  readonly regions: readonly ProbedRegion[];
}

/** Offsets in configuration space: PCI Local Bus Specification 3.0, 6.1. */
const VENDOR_ID = 0x00;
const DEVICE_ID = 0x02;
const CLASS_CODE = 0x0a;
const BASE_ADDRESS_0 = 0x10;
const SUBSYSTEM_ID = 0x2e;
/** PCI_NUM_REGIONS: QEMU include/hw/pci/pci.h. */
const REGIONS = 7;

/**
 * Asks a device what QEMU's proxy asks when it starts, in that order (probe_pci_info in hw/remote/proxy.c). Every register is
 * taken for a 32-bit BAR. The BARs are as before afterwards.
 */
export async function probeDevice(proxy: DeviceProxy): Promise<ProbedDevice> {
  const vendorId = await proxy.readConfig(VENDOR_ID, 2);
  const deviceId = await proxy.readConfig(DEVICE_ID, 2);
  const classCode = await proxy.readConfig(CLASS_CODE, 2);
  const subsystemId = await proxy.readConfig(SUBSYSTEM_ID, 2);
  const regions: ProbedRegion[] = [];
  for (let index = 0; index < REGIONS; index++) {
    const region = await probeRegion(proxy, index);
    if (region !== null) regions.push(region);
  }
  return { vendorId, deviceId, classCode, subsystemId, regions };
}

async function probeRegion(proxy: DeviceProxy, index: number): Promise<ProbedRegion | null> {
  const address = BASE_ADDRESS_0 + 4 * index;
  const before = await proxy.readConfig(address, 4);
  await proxy.writeConfig({ address, value: 0xffff_ffff, length: 4 });
  const answer = await proxy.readConfig(address, 4);
  await proxy.writeConfig({ address, value: before, length: 4 });
  // An int in QEMU, so that the size of a register without writable bits wraps to 0.
  const sizeBytes = -(answer & 0xffff_fff0) >>> 0;
  return sizeBytes === 0 ? null : { index, kind: (answer & 1) === 1 ? "io" : "memory", sizeBytes };
}
