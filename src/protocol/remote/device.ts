import type { DeviceMemory } from "./device_memory.js";
import type { InterruptLine } from "./interrupt_line.js";

/** What tells a device apart: PCI Local Bus Specification 3.0, 6.2.1. */
export interface PciIds {
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24 bits: class, subclass, programming interface. */
  readonly classCode: number;
  /** Default 0. */
  readonly revision?: number;
  /** Default 0. */
  readonly subsystemVendorId?: number;
  /** Default 0. */
  readonly subsystemId?: number;
}

/** A window on the device's registers. Its accesses are 1, 2, 4 or 8 bytes wide and lie within it; they need not be aligned. */
export interface BarWindow {
  /** Default "memory": 32-bit, not prefetchable. */
  readonly kind?: "io" | "memory";
  /** A power of two, at least 16: QEMU's proxy cannot tell smaller ones. */
  readonly sizeBytes: number;
  /** Only the low `size` bytes of the result count. */
  read(offset: number, size: number): bigint;
  write(offset: number, size: number, value: bigint): void;
}

/** What a device acts on. */
export interface DeviceContext {
  readonly memory: DeviceMemory;
  readonly interrupt: InterruptLine;
}

/** A PCI device: what it is, and what its registers do. */
export interface PciDevice {
  readonly ids: PciIds;
  /** At most six, from BAR 0 on. */
  readonly bars: readonly BarWindow[];
  /** Puts its registers in the state of power-on. The line is low and configuration space reset when it is called. */
  reset?(): void;
}
