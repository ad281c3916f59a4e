import { dirname, resolve } from "node:path";
import { checkFile, lazySource, type ResultStore, type TextOrigin } from "./file_check.js";
import { readFileText, readStandardInputText } from "./file_text.js";
import { parseSize } from "./size.js";
import { findBrokenVmRules } from "./vm_rules.js";
import { type BackingFile, type DeviceFile, type VmFile, vmSchema } from "./vm_schema.js";
import type {
  BackingSpec,
  BootSpec,
  DeviceLimits,
  DeviceSpec,
  DiskSpec,
  NetSpec,
  SerialLineSpec,
  SerialSpec,
  SpecSource,
  VmSpec,
} from "./vm_spec.js";

/**
 * Reads and checks a VM file; `-` is standard input, whose relative paths start from the working directory.
 * A text that passed before, by `store`, is not checked again. Throws SpecError: "spec-unreadable", or "spec-invalid" with
 * `file:line:column` of up to 20 problems. Format: docs/vm-file.md.
 */
export async function readVmFile(file: string, store?: ResultStore): Promise<VmSpec> {
  const directory = file === "-" ? process.cwd() : dirname(resolve(file));
  const text = file === "-" ? await readStandardInputText() : await readFileText({ file, title: "VM file" });
  const origin = { file, directory };
  const kept = store?.get("vm-file", text) as Omit<VmSpec, "source"> | undefined;
  if (kept !== undefined) return { ...kept, source: lazySource(text, origin) };
  const { source, ...checked } = parseVmText(text, origin);
  store?.put("vm-file", text, checked);
  return { ...checked, source };
}

/** Checks the text of a VM file. Throws SpecError "spec-invalid", and nothing else whatever the text is. */
export function parseVmText(text: string, origin: TextOrigin): VmSpec {
  const kind = { schema: vmSchema(), findBrokenRules: findBrokenVmRules, example: "name: web1" };
  const { data, source } = checkFile<VmFile>(text, origin, kind);
  return toVmSpec(data, source);
}

function toVmSpec(vm: VmFile, source: SpecSource): VmSpec {
  const { memory, cpus, accel, hotPlugSlots } = vm.machine;
  return {
    name: vm.name,
    machine: { memoryBytes: exactSize(memory), cpus, accel, ...(hotPlugSlots === undefined ? {} : { hotPlugSlots }) },
    boot: toBootSpec(vm.boot),
    console: { serial: toSerialSpec(vm.console.serial) },
    devices: vm.devices.map(toDeviceSpec),
    require: [...new Set(vm.require)],
    onDeviceExit: vm.onDeviceExit,
    hangDeadlineMs: vm.hangDeadlineMs,
    shutdownGraceMs: vm.shutdownGraceMs,
    source,
  };
}

function toBootSpec(boot: VmFile["boot"]): BootSpec | null {
  if (boot?.disk !== undefined) return { kind: "disk", disk: boot.disk };
  if (boot?.kernel === undefined) return null;
  const { file, initrd, append } = boot.kernel;
  return { kind: "kernel", file, initrd: initrd ?? null, append: append ?? null };
}

function toSerialSpec(serial: VmFile["console"]["serial"]): SerialSpec {
  return typeof serial === "string" ? { kind: serial } : { kind: "file", file: serial.file };
}

/** What a checked entry of a device says. */
export function toDeviceSpec(device: DeviceFile): DeviceSpec {
  const { id, role, model, program, disk, net, serial, usb, audio, watchdog, limits } = device;
  return {
    ...{ id, role, model: model ?? null },
    ...(program === undefined ? {} : { program }),
    disk: disk === undefined ? null : toDiskSpec(disk),
    net: net === undefined ? null : toNetSpec(net),
    serial: serial === undefined ? null : toSerialLine(serial),
    usb: usb ?? null,
    audio: audio === undefined ? null : { kind: "none" },
    watchdog: watchdog ?? null,
    limits: toLimits(limits),
  };
}

function toDiskSpec(disk: NonNullable<DeviceFile["disk"]>): DiskSpec {
  const chain: BackingSpec[] = [];
  for (let layer = disk.backing; layer !== undefined; layer = layer.backing) chain.push(toLayer(layer));
  return { ...toLayer(disk), readOnly: disk.readOnly, backing: chain };
}

function toLayer({ file, format, dataFile }: BackingFile): BackingSpec {
  return { file, format, ...(dataFile === undefined ? {} : { dataFile }) };
}

function toSerialLine({ file, pipe }: NonNullable<DeviceFile["serial"]>): SerialLineSpec {
  if (file !== undefined) return { kind: "file", file };
  if (pipe !== undefined) return { kind: "pipe", path: pipe };
  throw new TypeError("a serial line without an end passed the rules");
}

function toNetSpec(net: NonNullable<DeviceFile["net"]>): NetSpec {
  const mac = net.mac?.toLowerCase() ?? null;
  return net.tap === undefined ? { kind: "disconnected", mac } : { kind: "tap", tap: net.tap, mac };
}

function toLimits(limits: DeviceFile["limits"]): DeviceLimits {
  const { readBytesPerSecond, writeBytesPerSecond, readOperationsPerSecond, writeOperationsPerSecond } = limits;
  return {
    ...(readBytesPerSecond === undefined ? {} : { readBytesPerSecond: exactSize(readBytesPerSecond) }),
    ...(writeBytesPerSecond === undefined ? {} : { writeBytesPerSecond: exactSize(writeBytesPerSecond) }),
    ...(readOperationsPerSecond === undefined ? {} : { readOperationsPerSecond }),
    ...(writeOperationsPerSecond === undefined ? {} : { writeOperationsPerSecond }),
  };
}

/** A size that the rules have found exact. */
function exactSize(written: string | number): number {
  const sizeBytes = parseSize(written);
  if (sizeBytes === undefined) throw new TypeError(`size ${written} passed the rules and is not exact`);
  return sizeBytes;
}
