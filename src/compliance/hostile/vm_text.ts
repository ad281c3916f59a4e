import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VMM_ID } from "../../spec/index.js";

/** The neighbour of whatever is attacked from: a disk, of which the text below says all. */
export const NEIGHBOUR_ID = "neighbour";

const IMAGE_BYTES = 65_536;

/** How a device of each role is written in a VM file; IMAGE stands for an image of its own. */
const DEVICES: Readonly<Record<string, string>> = {
  disk: "model: lsi53c895a, disk: {file: IMAGE}",
  net: "model: e1000, net: {disconnected: true}",
  serial: "model: pci-serial, serial: {file: LOG}",
  usb: "model: qemu-xhci, usb: {devices: [tablet]}",
  audio: "model: AC97, audio: {none: true}",
  watchdog: "model: i6300esb, watchdog: {}",
};

/** The roles that the suite knows a device of, and the VMM's. */
export const KNOWN_ROLES: readonly string[] = [...Object.keys(DEVICES), VMM_ID];

/** A VM file in a folder of its own, with the files that it names. */
export interface WrittenVm {
  readonly text: string;
  readonly directory: string;
  /** Ids of the devices to attack from. */
  readonly subjects: readonly string[];
  remove(): Promise<void>;
}

/** Writes a VM with `count` devices of a role and a disk beside them. */
export async function writeVm(name: string, role: string, count: number): Promise<WrittenVm> {
  const directory = await mkdtemp(join(tmpdir(), "bulkhead-comply-"));
  const device = DEVICES[role === VMM_ID ? "disk" : role];
  if (device === undefined) throw new Error(`no device of role ${role} is known`);
  const subjects = Array.from({ length: role === VMM_ID ? 0 : count }, (_, index) => `${role}${index}`);
  const entries = subjects.map(
    (id) => `{id: ${id}, role: ${role}, ${device.replace("IMAGE", `${id}.img`).replace("LOG", `${id}.log`)}}`,
  );
  entries.push(`{id: ${NEIGHBOUR_ID}, role: disk, model: lsi53c895a, disk: {file: ${NEIGHBOUR_ID}.img}}`);
  for (const id of [...subjects, NEIGHBOUR_ID]) {
    const path = join(directory, `${id}.img`);
    await writeFile(path, "");
    await truncate(path, IMAGE_BYTES);
  }
  const lines = [`name: ${name}`, `machine: {memory: 64M, accel: ${role === VMM_ID ? "auto" : "tcg"}}`, "devices:"];
  const text = [...lines, ...entries.map((entry) => `  - ${entry}`), ""].join("\n");
  return {
    text,
    directory,
    subjects: role === VMM_ID ? [VMM_ID] : subjects,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
