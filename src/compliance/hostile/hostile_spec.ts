import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceSpec, parseVmText, VMM_ID, type VmSpec } from "../../spec/index.js";

/** The neighbour of whatever is attacked from: a device of the template. */
export const NEIGHBOUR_ID = "neighbour";

const IMAGE_BYTES = 65_536;

/** One device of each role. Its VMM takes KVM where it works, as a VM of a user's does. */
const TEMPLATE = `name: compliance
machine: {memory: 64M, accel: auto}
devices:
  - {id: disk, role: disk, model: lsi53c895a, disk: {file: disk.img}}
  - {id: net, role: net, model: e1000, net: {disconnected: true}}
  - {id: serial, role: serial, model: pci-serial, serial: {file: serial.log}}
  - {id: usb, role: usb, model: qemu-xhci, usb: {devices: [tablet]}}
  - {id: audio, role: audio, model: AC97, audio: {none: true}}
  - {id: watchdog, role: watchdog, model: i6300esb, watchdog: {}}
`;

/** The machine that the suite attacks in unless a user names another. */
export function builtInTemplate(): VmSpec {
  return parseVmText(TEMPLATE, { file: "the compliance suite's VM", directory: tmpdir() });
}

/** Roles of a machine's processes in their order, the VMM's last. */
export function rolesOf(template: VmSpec): readonly string[] {
  return [...new Set(template.devices.map(({ role }) => role)), VMM_ID];
}

/** The folder of the suite's own images in the directory of run records, one below it for each VM. */
function imagesFolder(runDirectory: string): string {
  return join(runDirectory, "compliance");
}

/** A name for a VM of this run that no other run of the suite takes. */
export function vmNames(): () => string {
  let taken = 0;
  return () => {
    taken += 1;
    return `comply-${process.pid}-${taken}`;
  };
}

/** Removes the images of runs that died; their VMs are removed by the next launch of any. */
export function removeForgottenImages(runDirectory: string): void {
  const folder = imagesFolder(runDirectory);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const pid = name.split("-")[1] ?? "";
    if (!existsSync(`/proc/${pid}`)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Which VM is wanted. */
export interface SpecShape {
  readonly name: string;
  readonly role: string;
  /** How many processes of that role; a VM has one VMM. */
  readonly count: number;
}

/** A VM, and a folder of its own with the files that it names. */
export interface HostileSpec {
  readonly spec: VmSpec;
  /** Ids of the processes to attack from. */
  readonly subjects: readonly string[];
  remove(): Promise<void>;
}

/**
 * A VM with so many of the template's device of a role and a neighbour. Images are empty ones of its own, and no tap, kernel or
 * console of the template's is used: an attack must not reach what is a tenant's.
 */
export async function makeHostileSpec(
  { template, runDirectory }: { readonly template: VmSpec; readonly runDirectory: string },
  { name, role, count }: SpecShape,
): Promise<HostileSpec> {
  const isVmm = role === VMM_ID;
  const device = template.devices.find((one) => one.role === role);
  const neighbour = template.devices.find(({ disk }) => disk !== null) ?? template.devices[0];
  if (neighbour === undefined || (device === undefined && !isVmm)) throw new Error(`the template has no device of role ${role}`);
  const folder = imagesFolder(runDirectory);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const directory = join(folder, name);
  await mkdir(directory, { mode: 0o700 });
  const ids =
    device === undefined || isVmm
      ? []
      : Array.from({ length: count }, (_, index) => `${role.replaceAll(/[^a-z0-9]/g, "").slice(0, 8)}${index}`);
  const devices = [...ids.map((id) => isolate(device as DeviceSpec, id)), isolate(neighbour, NEIGHBOUR_ID)];
  for (const { disk } of devices) {
    if (disk === null) continue;
    await writeFile(join(directory, disk.file), "", { mode: 0o600 });
    await truncate(join(directory, disk.file), IMAGE_BYTES);
  }
  const { source } = template;
  const spec: VmSpec = {
    ...template,
    name,
    boot: null,
    console: { serial: { kind: "none" } },
    devices,
    source: { ...source, directory },
  };
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  return { spec, subjects: isVmm ? [VMM_ID] : ids, remove };
}

function isolate(device: DeviceSpec, id: string): DeviceSpec {
  return {
    ...device,
    id,
    disk: device.disk === null ? null : { file: `${id}.img`, format: "raw", readOnly: device.disk.readOnly, backing: [] },
    net: device.net === null ? null : { kind: "disconnected", mac: null },
    serial: device.serial === null ? null : { kind: "file", file: `${id}.log` },
  };
}
