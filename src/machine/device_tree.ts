import { MachineError } from "../errors/index.js";
import { escapeLine } from "../text/index.js";
import type { QmpClient } from "./qmp_client.js";

/**
 * Every object of a minimal q35 with proxied devices, by QOM type, as read from QEMU 7.2, 10 and 11 with KVM and with TCG,
 * with the reason why it is there. Whatever else appears is emulation in the VMM's own process that nobody planned.
 */
export const PLANNED_TYPES: Readonly<Record<string, string>> = {
  "ICH9-LPC": "the q35's bridge to the legacy devices below; power management",
  ISA: "the bus of the legacy devices",
  PCIE: "the bus that proxied devices sit on",
  System: "the root bus, on which no device sits",
  apic: "local interrupt controller, in QEMU under TCG",
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
  mch: "the q35's memory controller and PCI host device",
  "memory-region": "address spaces",
  "q35-pcihost": "the PCI host bridge that proxied devices sit behind",
  serial: "the UART inside the serial console",
  "x-pci-proxy-dev": "our devices, emulated elsewhere",
};

/** What a machine with hot-plug slots has beside those: the slots. */
const HOT_PLUG_TYPES: Readonly<Record<string, string>> = {
  "pcie-root-port": "a slot for devices that are added later; each is a bus of its own",
};

/** Emulated in the VMM and known for escapes; named in the message because people ask for it by name. */
const FLOPPY = /fdc|floppy/;

interface QomProperty {
  readonly name: string;
  readonly type: string;
}

/** The planned machine has four levels and some 220 objects; the VMM that tells of more is not believed without end. */
const DEPTH_MAX = 8;
const NODES_MAX = 4096;
/** Wires and address ranges, most of the tree: neither type makes children of its own in QEMU (hw/core/irq.c, softmmu/memory.c). */
const LEAF_TYPES: readonly string[] = ["irq", "memory-region"];

/** The QOM types of all objects of the VMM's machine, at every level, sorted, each once. */
export async function readDeviceTree(monitor: QmpClient): Promise<string[]> {
  const types = new Set<string>();
  let level = ["/machine"];
  let nodes = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    nodes += level.length;
    if (depth > DEPTH_MAX || nodes > NODES_MAX) throw treeUnbounded();
    const lists = await Promise.all(level.map((path) => listChildren(monitor, path)));
    const children = lists.flat();
    for (const { type } of children) types.add(type);
    level = children.filter(({ type }) => !LEAF_TYPES.includes(type)).map(({ path }) => path);
  }
  return [...types].sort();
}

async function listChildren(monitor: QmpClient, path: string): Promise<{ type: string; path: string }[]> {
  const properties = (await monitor.execute("qom-list", { path })) as readonly QomProperty[];
  return properties.flatMap(({ name, type }) => {
    const child = /^child<(.+)>$/.exec(type)?.[1];
    return child === undefined ? [] : [{ type: child, path: `${path}/${name}` }];
  });
}

function treeUnbounded(): MachineError {
  return new MachineError({
    code: "device-tree-unbounded",
    tried: "Cannot read the devices of the VMM",
    subject: "/machine",
    answer: `more than ${DEPTH_MAX} levels or ${NODES_MAX} objects`,
    remedy: "This QEMU builds its machine otherwise than the known ones; report it.",
  });
}

/** Names of unplanned types that are told, in characters: they are the VMM's own words. */
const NAMES_CHARACTERS_MAX = 500;

/** Throws MachineError "device-unplanned" when the VMM emulates anything that is not on the committed list. */
export async function verifyDeviceTree(monitor: QmpClient, vm: string, hotPlugSlots = 0): Promise<void> {
  const planned = hotPlugSlots === 0 ? PLANNED_TYPES : { ...PLANNED_TYPES, ...HOT_PLUG_TYPES };
  const unplanned = (await readDeviceTree(monitor)).filter((type) => !Object.hasOwn(planned, type));
  if (unplanned.length === 0) return;
  const floppy = unplanned.some((type) => FLOPPY.test(type)) ? " (a floppy controller is among them)" : "";
  throw new MachineError({
    code: "device-unplanned",
    tried: `Cannot let VM "${vm}" run: its VMM emulates devices that no plan names`,
    subject: vm,
    answer: `${escapeLine(unplanned.join(", ").slice(0, NAMES_CHARACTERS_MAX))}${floppy}`,
    remedy: "This QEMU builds its machine otherwise than the known ones; report it.",
  });
}
