import { PlanError } from "../errors/index.js";
import type { DeviceSpec, VmSpec } from "../spec/index.js";
import type { DeviceWiring } from "./device_wiring.js";
import { imageArguments } from "./image_nodes.js";

/** Fd numbers that every process of a VM has: 0 to 2 are /dev/null and the log. */
export const MONITOR_FD = 3;
const CHANNEL_FD = 4;
const BACKEND_FD = 5;
const SERIAL_FD = 4;
export const DEVICE_FDS = { monitor: MONITOR_FD, channel: CHANNEL_FD, backend: BACKEND_FD } as const;
/** The channels follow the serial console, or take its place where there is none. */
/** Of a device process that is no QEMU: it has no monitor. */
export const PROGRAM_FDS = { channel: 3 } as const;
export const VMM_FDS = { monitor: MONITOR_FD, serial: SERIAL_FD } as const;

/** Without these QEMU would read configuration of the host and add devices of its own accord. */
const NOTHING_BY_DEFAULT = ["-nodefaults", "-no-user-config", "-display", "none"];
const MONITOR = ["-chardev", `socket,id=monitor,fd=${MONITOR_FD}`, "-mon", "chardev=monitor,mode=control"];

/** The argv of a device process. It stops in preconfig, before its device exists, until its backend is attached. */
export function deviceArguments(program: string, device: DeviceSpec, wiring: DeviceWiring): string[] {
  return [
    program,
    ...NOTHING_BY_DEFAULT,
    // A remote never runs guest code: without tb-size it would map a gigabyte for translated code.
    ...["-machine", "x-remote", "-accel", "tcg,tb-size=1"],
    "-preconfig",
    ...MONITOR,
    ...imageArguments(device, BACKEND_FD),
    ...wiring.options,
    ...wiring.devices.flatMap((object) => ["-device", JSON.stringify(object)]),
    "-object",
    JSON.stringify({ "qom-type": "x-remote-object", id: `${device.id}-remote`, devid: device.id, fd: String(CHANNEL_FD) }),
  ];
}

/** Where the VMM finds the kernel and initial RAM disk of a direct boot: copies in a read-only tmpfs of its root. */
export const KERNEL_PATH = "/boot/kernel";
export const INITRD_PATH = "/boot/initrd";

export interface VmmChannel {
  readonly device: DeviceSpec;
  readonly fd: number;
}

/**
 * Everything that the accelerator offers. Without IA32_ARCH_CAPABILITIES: para-virtualised KVM hosts refuse to set that
 * MSR and QEMU aborts, and a guest that does not see it applies all mitigations.
 */
const CPU_MODEL = { kvm: "max,arch-capabilities=off", tcg: "max" } as const;

/** TCG would take a gigabyte for translated code; with a quarter of it the VMM stays within its role's overhead. */
const ACCELERATOR = { kvm: "kvm", tcg: "tcg,tb-size=256" } as const;

export interface VmmArgumentInputs {
  readonly program: string;
  readonly spec: VmSpec;
  readonly accel: "kvm" | "tcg";
  /** The VMM's ends of the channels, in the order in which the firmware shall find the devices. */
  readonly channels: readonly VmmChannel[];
}

/** The argv of the VMM. It stops before the guest's first instruction (-S). */
export function vmmArguments(inputs: VmmArgumentInputs): string[] {
  const { spec, accel } = inputs;
  return [
    inputs.program,
    ...NOTHING_BY_DEFAULT,
    ...["-name", spec.name],
    "-S",
    ...["-machine", machineProperties().join(",")],
    ...["-accel", ACCELERATOR[accel], "-cpu", CPU_MODEL[accel], "-smp", String(spec.machine.cpus)],
    ...["-m", `${spec.machine.memoryBytes}B`],
    ...[
      "-object",
      JSON.stringify({ "qom-type": "memory-backend-memfd", id: "memory", size: spec.machine.memoryBytes, share: true }),
    ],
    ...MONITOR,
    ...serialArguments(spec),
    ...kernelArguments(spec),
    ...inputs.channels.flatMap((channel, index) => ["-device", JSON.stringify(proxyDevice(channel, index))]),
    ...hotPlugArguments(spec, inputs.channels.length),
  ];
}

/** The smallest machine that boots: no SATA, SMBus, keyboard controller, VMware port, and, being a q35, no floppy or IDE. */
function machineProperties(): string[] {
  const absent = ["sata", "smbus", "i8042", "vmport"].map((name) => `${name}=off`);
  return ["q35", ...absent, "memory-backend=memory", "mem-merge=off", "dump-guest-core=off"];
}

function serialArguments(spec: VmSpec): string[] {
  if (spec.console.serial.kind === "none") return ["-serial", "none"];
  return ["-chardev", `socket,id=serial,fd=${SERIAL_FD}`, "-serial", "chardev:serial"];
}

function kernelArguments(spec: VmSpec): string[] {
  if (spec.boot?.kind !== "kernel") return [];
  const initrd = spec.boot.initrd === null ? [] : ["-initrd", INITRD_PATH];
  const append = spec.boot.append === null ? [] : ["-append", spec.boot.append];
  return ["-kernel", KERNEL_PATH, ...initrd, ...append];
}

/** Slot 0 is the host bridge; of the 32 of a bus, the last holds q35's LPC bridge (ICH9_LPC_DEV, QEMU include/hw/i386/ich9.h). */
const FIRST_PCI_SLOT = 1;
const LAST_PCI_SLOT = 30;

/** The bus of a hot-plug slot, numbered from 0. No device id holds a dash, so none is called the same. */
export function hotPlugBus(slot: number): string {
  return `port-${slot}`;
}

/**
 * A root port for each slot: nothing can be added to the root bus ("Bus 'pcie.0' does not support hotplugging"). Native PCIe
 * hot-plug instead of ACPI's, which would add registers to the machine and lets go of a device only when ACPI code ran in the
 * guest. Seen on 7.2: a conventional device such as the proxy fits, and its INTx is routed through the port.
 */
function hotPlugArguments(spec: VmSpec, devices: number): string[] {
  const slots = spec.machine.hotPlugSlots ?? 0;
  if (slots === 0) return [];
  const ports = Array.from({ length: slots }, (_, slot) => ({
    driver: "pcie-root-port",
    id: hotPlugBus(slot),
    // Names a slot for people and firmware; 0 is taken by ports that name none.
    chassis: slot + 1,
    slot: slot + 1,
    addr: `0x${(FIRST_PCI_SLOT + devices + slot).toString(16)}`,
  }));
  return [
    ...["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"],
    ...ports.flatMap((port) => ["-device", JSON.stringify(port)]),
  ];
}

/** Throws PlanError "pci-slots-exhausted": QEMU would say so only when all device processes stand. */
export function requirePciSlots(spec: VmSpec): void {
  const slots = LAST_PCI_SLOT - FIRST_PCI_SLOT + 1;
  const needed = spec.devices.length + (spec.machine.hotPlugSlots ?? 0);
  if (needed <= slots) return;
  if (spec.devices.length <= slots) throw hotPlugSlotsExhausted(spec, slots);
  throw new PlanError({
    code: "pci-slots-exhausted",
    tried: `${spec.source.locate(["devices", slots])}: cannot give each of ${spec.devices.length} devices a PCI slot`,
    subject: spec.name,
    answer: `the machine has ${slots} free ones`,
    remedy: `Leave ${spec.devices.length - slots} out.`,
  });
}

function hotPlugSlotsExhausted(spec: VmSpec, slots: number): PlanError {
  const { hotPlugSlots } = spec.machine;
  return new PlanError({
    code: "pci-slots-exhausted",
    tried: `${spec.source.locate(["machine", "hotPlugSlots"])}: cannot give ${hotPlugSlots} hot-plug slots beside ${spec.devices.length} devices`,
    subject: spec.name,
    answer: `the machine has ${slots} free PCI slots`,
    remedy: `Ask for at most ${slots - spec.devices.length}.`,
  });
}

function proxyDevice(channel: VmmChannel, index: number): Record<string, unknown> {
  return {
    driver: "x-pci-proxy-dev",
    id: channel.device.id,
    fd: String(channel.fd),
    addr: `0x${(FIRST_PCI_SLOT + index).toString(16)}`,
  };
}
