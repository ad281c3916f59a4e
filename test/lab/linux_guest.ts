import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import {
  type GuestKit,
  type GuestReport,
  guestKit,
  parseGuestReport,
  type QemuGeneration,
  qemuRoot,
} from "../../src/compliance/lab/index.js";
import { type Inspection, launch, type RunningMachine } from "../../src/index.js";
import type { MachineFixture } from "../support/machine_fixture.js";
import { type GuestDisks, hashRange, MIB, makeDisk } from "./guest_disk.js";
import { type PluggableGuest, plugAndUnplug } from "./hot_plug.js";
import { GUEST_ADDRESS, PEER_ADDRESS, TAP } from "./peer_network.js";

/**
 * The second disk's model by generation, and the name that its driver has on the guest's PCI bus. No megasas: its process dies as
 * Linux powers off (docs/models.md).
 */
export const SECOND_DISKS: Readonly<Record<QemuGeneration, { readonly model: string; readonly driver: string }>> = {
  "7.2": { model: "lsi53c895a", driver: "sym53c8xx" },
  "10": { model: "nvme", driver: "nvme" },
  "11": { model: "lsi53c895a", driver: "sym53c8xx" },
};

/** Below the deadline of a test: a guest that hangs is ended, its console shows where, and it is in nobody's way. */
const GUEST_DEADLINE_MS = 300_000;

export interface GuestRun {
  readonly exitCode: number;
  /** `stopped` when the guest was ended. */
  readonly reason: string;
  readonly detail: string;
  readonly verified: Inspection;
  readonly report: GuestReport;
  /** SHA-256 of what each disk held where the guest read, made before it ran. */
  readonly expectedReads: readonly string[];
  /** SHA-256 of what each disk holds where the guest wrote, read after it ended. */
  readonly written: readonly string[];
  /** SHA-256 of what the disk held that was added and removed meanwhile; null when none was. */
  readonly expectedHotRead: string | null;
  readonly console: string;
}

export interface GuestChoice {
  readonly fixture: MachineFixture;
  readonly disks: GuestDisks;
  /** Adds a disk while the guest runs, and removes it. */
  readonly hotPlug: boolean;
}

/**
 * Launches the Linux guest of the kit behind four confined processes: a disk at an lsi53c895a, a second one, an e1000 at the
 * tap, and the VMM with KVM; waits for its end.
 */
export async function runLinuxGuest(generation: QemuGeneration, choice: GuestChoice): Promise<GuestRun> {
  const { fixture, disks, hotPlug } = choice;
  const context = { progress: () => undefined };
  const [qemu, kit] = [await qemuRoot(generation, context), await guestKit(context)];
  const files = ["lsi.img", "other.img"].map((name) => join(fixture.directory, name));
  const expectedReads = await Promise.all(files.map((file) => makeDisk(file, disks)));
  const output = new PassThrough();
  let console = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    console += text;
  });
  const request = await fixture.request(vmText(generation, kit, choice), {
    qemu: { program: qemu.binary, sysroot: qemu.root },
    stdio: { kind: "stream", output, input: null, escape: false },
  });
  const hostConfig = { ...request.hostConfig, hotPlug, imageRoots: [fixture.directory, dirname(kit.kernel)] };
  const machine = await launch({ ...request, hostConfig });
  const timer = setTimeout(() => machine.kill(), GUEST_DEADLINE_MS);
  const expectedHotRead = hotPlug ? await plugOrKill(machine, { fixture, disks, said: () => console }) : null;
  const { exitCode, reason, detail } = await machine.ended;
  clearTimeout(timer);
  const written = await Promise.all(files.map((file) => hashRange(file, disks.writeOffsetMib * MIB, MIB)));
  const report = parseGuestReport(console);
  return { exitCode, reason, detail, verified: machine.verified, report, expectedReads, written, expectedHotRead, console };
}

/** A guest whose device failed would wait for it. */
async function plugOrKill(machine: RunningMachine, guest: Omit<PluggableGuest, "vm">): Promise<string> {
  try {
    return await plugAndUnplug({ vm: machine.plan.vm, ...guest });
  } catch (error) {
    machine.kill();
    await machine.ended;
    throw new Error(`${(error as Error).message}\n${guest.said()}`, { cause: error });
  }
}

/**
 * loglevel=1: an error that the kernel prints may cut a line of the report in two. init_on_alloc=0: Debian's kernel would zero
 * each page before a device writes it, and so touch it first. mitigations=off nokaslr: for a quicker boot.
 */
function vmText(generation: QemuGeneration, kit: GuestKit, { disks, hotPlug }: GuestChoice): string {
  const append = [
    ...[
      "console=ttyS0",
      "loglevel=1",
      "panic=-1",
      "scsi_mod.scan=sync",
      "init_on_alloc=0",
      "mitigations=off nokaslr",
      "bulkhead.disks=2",
      `bulkhead.read=${disks.readMib}M`,
    ],
    ...[`bulkhead.write=1M@${disks.writeOffsetMib}M`, `bulkhead.net=${GUEST_ADDRESS},${PEER_ADDRESS}`],
    ...(hotPlug ? ["bulkhead.hotplug=1"] : []),
  ].join(" ");
  return `name: test-linux-${generation.replace(".", "-")}
machine: {memory: 256M, cpus: 1, accel: kvm${hotPlug ? ", hotPlugSlots: 1" : ""}}
boot: {kernel: {file: ${kit.kernel}, initrd: ${kit.initrd}, append: "${append}"}}
console: {serial: stdio}
devices:
  - {id: lsi, role: disk, model: lsi53c895a, disk: {file: lsi.img}}
  - {id: other, role: disk, model: ${SECOND_DISKS[generation].model}, disk: {file: other.img}}
  - {id: nic, role: net, model: e1000, net: {tap: ${TAP}, mac: "52:54:00:12:34:56"}}
`;
}
