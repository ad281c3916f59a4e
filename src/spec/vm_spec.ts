import type { Layer } from "./layer.js";

/** Id and role of the process that emulates the CPU, in plans, records and reports; no device may have it. */
export const VMM_ID = "vmm";

/** A VM file after parsing and validation; sizes in bytes, paths as written. Format: docs/vm-file.md. */
export interface VmSpec {
  readonly name: string;
  readonly machine: MachineSpec;
  readonly boot: BootSpec | null;
  readonly console: { readonly serial: SerialSpec };
  readonly devices: readonly DeviceSpec[];
  /** Layers that must be fully enforced; added to the host file's floor. */
  readonly require: readonly Layer[];
  readonly onDeviceExit: "stop" | "pause";
  /** How long a process may make no progress before it counts as hung and is killed, in ms. */
  readonly hangDeadlineMs: number;
  /** How long an orderly shutdown may take before processes are killed, in ms. */
  readonly shutdownGraceMs: number;
  readonly source: SpecSource;
}

export interface MachineSpec {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly accel: "kvm" | "tcg" | "auto";
  /** Slots for devices that are added while the VM runs; absent: none. */
  readonly hotPlugSlots?: number;
}

export type BootSpec =
  | { readonly kind: "disk"; readonly disk: string }
  | { readonly kind: "kernel"; readonly file: string; readonly initrd: string | null; readonly append: string | null };

export type SerialSpec =
  | { readonly kind: "stdio" }
  | { readonly kind: "none" }
  | { readonly kind: "file"; readonly file: string };

export interface DeviceSpec {
  readonly id: string;
  readonly role: string;
  /** QEMU's device model; null for a device of another program. */
  readonly model: string | null;
  /** Absolute path of the program that emulates the device, as the host file permits it; absent: QEMU does. */
  readonly program?: string;
  readonly disk: DiskSpec | null;
  readonly net: NetSpec | null;
  readonly serial: SerialLineSpec | null;
  readonly usb: UsbSpec | null;
  readonly audio: AudioSpec | null;
  readonly watchdog: WatchdogSpec | null;
  readonly limits: DeviceLimits;
}

/** A device that QEMU emulates. */
export type ModelledDevice = DeviceSpec & { readonly model: string };

export function isModelled(device: DeviceSpec): device is ModelledDevice {
  return device.model !== null;
}

export interface DiskSpec {
  readonly file: string;
  readonly format: "raw" | "qcow2";
  readonly readOnly: boolean;
  /** Where a qcow2 image keeps the guest's data when it holds none itself, raw; absent: in the image. */
  readonly dataFile?: string;
  /** What a qcow2 image takes from where it holds nothing itself, nearest first; opened read-only. */
  readonly backing: readonly BackingSpec[];
}

export interface BackingSpec {
  readonly file: string;
  readonly format: "raw" | "qcow2";
  /** As in DiskSpec; opened read-only too. */
  readonly dataFile?: string;
}

export type NetSpec =
  | { readonly kind: "tap"; readonly tap: string; readonly mac: string | null }
  | { readonly kind: "disconnected"; readonly mac: string | null };

/** Where a serial port leads: a log, or two FIFOs, PATH.in and PATH.out. */
export type SerialLineSpec = { readonly kind: "file"; readonly file: string } | { readonly kind: "pipe"; readonly path: string };

export const USB_DEVICES = ["keyboard", "mouse", "tablet"] as const;
export type UsbDevice = (typeof USB_DEVICES)[number];

export interface UsbSpec {
  /** What is plugged into the controller; events come over the process's monitor. */
  readonly devices: readonly UsbDevice[];
}

/** Sound that is played to nobody. */
export interface AudioSpec {
  readonly kind: "none";
}

export const WATCHDOG_ACTIONS = ["stop", "pause", "reset", "none"] as const;
export type WatchdogAction = (typeof WATCHDOG_ACTIONS)[number];

export interface WatchdogSpec {
  /** What the launcher does when the watchdog expires. */
  readonly action: WatchdogAction;
}

/** Absent keys are unlimited. Units are in the names. */
export interface DeviceLimits {
  readonly readBytesPerSecond?: number;
  readonly writeBytesPerSecond?: number;
  readonly readOperationsPerSecond?: number;
  readonly writeOperationsPerSecond?: number;
}

export interface SpecSource {
  /** The file as the user named it, `-` for standard input. */
  readonly file: string;
  /** Absolute directory that relative paths of the file start from. */
  readonly directory: string;
  /** Where a value stands, for messages: `locate(["devices", 0, "model"])` gives `web1.yaml:12:5`. */
  locate(path: readonly (string | number)[]): string;
}
