import { MachineError } from "../errors/index.js";
import type { QmpClient } from "./qmp_client.js";

/**
 * Every object of a minimal q35 with proxied devices, by QOM type, as read from QEMU 7.2 with KVM and with TCG, with the
 * reason why it is there. Whatever else appears is emulation in the VMM's own process that nobody planned.
 */
export const PLANNED_TYPES: Readonly<Record<string, string>> = {
  "ICH9-LPC": "the q35's bridge to the legacy devices below; power management",
  System: "the root bus, on which no device sits",
  container: "QOM's own folders",
  fw_cfg_io: "how the firmware learns memory size and boot order",
  hpet: "timer of the chipset",
  i8257: "DMA controller of the chipset; the serial port's bus wants one",
  irq: "interrupt wires",
  ioapic: "interrupt controller that proxied INTx ends at, in QEMU under TCG",
  "isa-i8259": "legacy interrupt controller, in QEMU under TCG",
  "isa-pcspk": "speaker port that the PIT's gate is read through",
  "isa-pit": "legacy timer, in QEMU under TCG",
  "isa-serial": "the serial console",
  "kvm-apic": "local interrupt controller, in the kernel",
  "kvm-i8259": "legacy interrupt controller, in the kernel",
  "kvm-ioapic": "interrupt controller that proxied INTx ends at, in the kernel",
  "kvm-pit": "legacy timer, in the kernel",
  kvmclock: "para-virtual clock of KVM",
  kvmvapic: "task-priority acceleration of KVM",
  "max-x86_64-cpu": "the CPUs",
  mc146818rtc: "clock and CMOS memory that the firmware reads",
  "memory-region": "address spaces",
  "q35-pcihost": "the PCI host bridge that proxied devices sit behind",
  "x-pci-proxy-dev": "our devices, emulated elsewhere",
};

/** Emulated in the VMM and known for escapes; named in the message because people ask for it by name. */
const FLOPPY = /fdc|floppy/;

interface QomProperty {
  readonly name: string;
  readonly type: string;
}

const CONTAINERS = ["/machine/unattached", "/machine/peripheral", "/machine/peripheral-anon", "/machine"];

/** The QOM types of all devices of the VMM, sorted, each once. */
export async function readDeviceTree(monitor: QmpClient): Promise<string[]> {
  const types = new Set<string>();
  const lists = await Promise.all(CONTAINERS.map((path) => monitor.execute("qom-list", { path })));
  for (const properties of lists as (readonly QomProperty[])[]) {
    for (const property of properties) {
      const type = /^child<(.+)>$/.exec(property.type)?.[1];
      if (type !== undefined) types.add(type);
    }
  }
  return [...types].sort();
}

/** Throws MachineError "device-unplanned" when the VMM emulates anything that is not on the committed list. */
export async function verifyDeviceTree(monitor: QmpClient, vm: string): Promise<void> {
  const unplanned = (await readDeviceTree(monitor)).filter((type) => !(type in PLANNED_TYPES));
  if (unplanned.length === 0) return;
  const floppy = unplanned.some((type) => FLOPPY.test(type)) ? " (a floppy controller is among them)" : "";
  throw new MachineError({
    code: "device-unplanned",
    tried: `Cannot let VM "${vm}" run: its VMM emulates devices that no plan names`,
    subject: vm,
    answer: `${unplanned.join(", ")}${floppy}`,
    remedy: "This QEMU builds its machine otherwise than the known ones; report it.",
  });
}
