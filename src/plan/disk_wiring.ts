import { PlanError } from "../errors/index.js";
import type { DeviceLimits, DiskSpec, ModelledDevice } from "../spec/index.js";
import type { BackendFacts, DeviceWiring } from "./device_wiring.js";
import { attachImage, formatNodeName } from "./image_nodes.js";
import type { MonitorCommand } from "./launch_plan.js";

/**
 * How a storage model takes its medium: a disk on the bus that it offers, or the medium as a property of its own. A disk's
 * `bus` is the controller's id with `.0`, but for the one bus whose name does not depend on it.
 */
interface DiskWiring {
  /** The disk on the controller's bus; null where the controller is the disk. */
  readonly medium: { readonly driver: string; readonly bus?: string; readonly serial: boolean } | null;
  /** Why QEMU takes no read-only image, in words; absent where it does. */
  readonly writableOnly?: string;
}

const SCSI: DiskWiring = { medium: { driver: "scsi-hd", serial: true } };

const DISK_WIRINGS: ReadonlyMap<string, DiskWiring> = new Map<string, DiskWiring>([
  ["lsi53c895a", SCSI],
  ["am53c974", SCSI],
  ["dc390", SCSI],
  ["megasas", SCSI],
  ["megasas-gen2", SCSI],
  ["mptsas1068", SCSI],
  ["pvscsi", SCSI],
  [
    "ich9-ahci",
    { medium: { driver: "ide-hd", serial: true }, writableOnly: "an ATA disk has no way to say that it is write-protected" },
  ],
  ["nvme", { medium: null }],
  [
    "sdhci-pci",
    // hw/sd/sdhci.c names its bus so, whatever the controller's id.
    { medium: { driver: "sd-card", bus: "sd-bus", serial: false }, writableOnly: "QEMU's SD card wants to write" },
  ],
]);

/** A controller with one disk. The disk's serial number is the device's id, by which a guest tells its disks apart. */
export function wireDisk(device: ModelledDevice, disk: DiskSpec, backend: BackendFacts): DeviceWiring {
  const wiring = DISK_WIRINGS.get(device.model);
  if (wiring === undefined) throw unknownModel(device, backend);
  if (disk.readOnly && wiring.writableOnly !== undefined) throw writableOnly(device, backend, wiring.writableOnly);
  const limited = planThrottle(device.id, device.limits);
  const drive = limited === null ? formatNodeName(device.id) : limited.node;
  const kindOf = backend.kindOf ?? (() => backend.imageKind ?? "file");
  const attach = [attachImage(device, kindOf), ...(limited?.commands ?? [])];
  const controller = { driver: device.model, id: device.id };
  const { medium } = wiring;
  if (medium === null) return { options: [], devices: [{ ...controller, drive, serial: device.id }], attach };
  const { driver, bus = `${device.id}.0` } = medium;
  const serial = medium.serial ? { serial: device.id } : {};
  return { options: [], devices: [controller, { driver, id: `${device.id}-drive`, bus, drive, ...serial }], attach };
}

/** Members of ThrottleLimits: QEMU qapi/block-core.json. */
const THROTTLE_KEYS: readonly (readonly [keyof DeviceLimits, string])[] = [
  ["readBytesPerSecond", "bps-read"],
  ["writeBytesPerSecond", "bps-write"],
  ["readOperationsPerSecond", "iops-read"],
  ["writeOperationsPerSecond", "iops-write"],
];

/**
 * The limits that QEMU's block layer holds, above the image: they count what the guest asks for, from the page cache too.
 * null where none are asked.
 */
function planThrottle(id: string, limits: DeviceLimits): { node: string; commands: MonitorCommand[] } | null {
  const values = THROTTLE_KEYS.flatMap(([key, name]) => (limits[key] === undefined ? [] : [[name, limits[key]] as const]));
  if (values.length === 0) return null;
  const group = `${id}-limits`;
  const node = `${id}-limited`;
  const commands = [
    { execute: "object-add", arguments: { "qom-type": "throttle-group", id: group, limits: Object.fromEntries(values) } },
    {
      execute: "blockdev-add",
      arguments: { driver: "throttle", "node-name": node, "throttle-group": group, file: formatNodeName(id) },
    },
  ];
  return { node, commands };
}

function unknownModel(device: ModelledDevice, backend: BackendFacts): PlanError {
  return new PlanError({
    code: "model-unknown",
    tried: `${backend.locate("model")}: cannot wire device "${device.id}" of model "${device.model}"`,
    subject: device.model,
    answer: `its bus is not known; known are ${[...DISK_WIRINGS.keys()].join(", ")}`,
    remedy: "Use one of these models.",
  });
}

function writableOnly(device: ModelledDevice, backend: BackendFacts, why: string): PlanError {
  return new PlanError({
    code: "image-not-read-only",
    tried: `${backend.locate("disk")}: cannot give device "${device.id}" of model "${device.model}" a read-only image`,
    subject: device.id,
    answer: why,
    remedy: "Use a SCSI or NVMe model, or leave `readOnly` out and give it a copy.",
  });
}
