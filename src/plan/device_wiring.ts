import { createHash } from "node:crypto";
import { PlanError } from "../errors/index.js";
import type { DeviceSpec } from "../spec/index.js";
import { attachImage } from "./image_nodes.js";
import type { MonitorCommand } from "./launch_plan.js";
import type { ImageFacts } from "./plan_inputs.js";

/** What a device process is told: its `-device` objects, and the monitor commands that attach its backend. */
export interface DeviceWiring {
  /** In order; the controller first. Given as JSON, so that no character of a name can become an option. */
  readonly devices: readonly Readonly<Record<string, unknown>>[];
  readonly attach: readonly MonitorCommand[];
}

type DiskBus = "scsi" | "ide" | "none";

/** How a storage model takes its medium: a disk on the bus it offers, or the medium as a property of its own. */
const DISK_BUS: ReadonlyMap<string, DiskBus> = new Map<string, DiskBus>([
  ["lsi53c895a", "scsi"],
  ["am53c974", "scsi"],
  ["dc390", "scsi"],
  ["megasas", "scsi"],
  ["megasas-gen2", "scsi"],
  ["mptsas1068", "scsi"],
  ["pvscsi", "scsi"],
  ["ich9-ahci", "ide"],
  ["nvme", "none"],
]);

export interface BackendFacts {
  /** Fd number of the image or tap in the device process; null where there is none. */
  readonly fd: number | null;
  readonly imageKind: ImageFacts["kind"] | null;
  /** What the backing files of the image turned out to be, nearest first. Default: there is none. */
  readonly backingKinds?: readonly ImageFacts["kind"][];
  readonly vm: string;
}

/** Wires a device the way QEMU wants its model. Throws PlanError "model-unknown" for a model without a known wiring. */
export function wireDevice(device: DeviceSpec, backend: BackendFacts): DeviceWiring {
  if (device.disk !== null) return wireDisk(device, backend);
  if (device.net !== null) return wireNet(device, backend);
  throw new PlanError({
    code: "backend-missing",
    tried: `Cannot wire device "${device.id}"`,
    subject: device.id,
    answer: "it has no backend",
    remedy: "Give it a `disk` or a `net` key.",
  });
}

function wireDisk(device: DeviceSpec, backend: BackendFacts): DeviceWiring {
  const bus = DISK_BUS.get(device.model);
  if (bus === undefined) throw unknownModel(device, [...DISK_BUS.keys()]);
  const drive = `${device.id}-format`;
  const controller = { driver: device.model, id: device.id };
  const attach = [attachImage(device, [backend.imageKind ?? "file", ...(backend.backingKinds ?? [])])];
  if (bus === "none") return { devices: [{ ...controller, drive, serial: device.id }], attach };
  const medium = { driver: bus === "scsi" ? "scsi-hd" : "ide-hd", id: `${device.id}-drive`, bus: `${device.id}.0`, drive };
  return { devices: [controller, medium], attach };
}

function wireNet(device: DeviceSpec, backend: BackendFacts): DeviceWiring {
  const nic = {
    driver: device.model,
    id: device.id,
    mac: device.net?.mac ?? deriveMac(backend.vm, device.id),
    // Boot ROMs of network cards would be one more file to parse, for a boot method that no VM file offers.
    romfile: "",
  };
  if (backend.fd === null) return { devices: [nic], attach: [] };
  const netdev = `${device.id}-netdev`;
  const attach = [{ execute: "netdev_add", arguments: { type: "tap", id: netdev, fd: String(backend.fd) } }];
  return { devices: [{ ...nic, netdev }], attach };
}

/** A stable address per VM and device in QEMU's own range 52:54:00, so that two VMs on one bridge differ. */
function deriveMac(vm: string, device: string): string {
  const digest = createHash("sha256").update(`${vm}/${device}`).digest();
  const tail = [...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, "0"));
  return ["52", "54", "00", ...tail].join(":");
}

function unknownModel(device: DeviceSpec, known: readonly string[]): PlanError {
  return new PlanError({
    code: "model-unknown",
    tried: `Cannot wire device "${device.id}" of model "${device.model}"`,
    subject: device.model,
    answer: `its bus is not known; known are ${known.join(", ")}`,
    remedy: "Use one of these models.",
  });
}
