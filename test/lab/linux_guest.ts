import { createHash } from "node:crypto";
import { open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { type GuestReport, guestKit, parseGuestReport, type QemuGeneration, qemuRoot } from "../../src/compliance/lab/index.js";
import { type Inspection, launch } from "../../src/index.js";
import type { MachineFixture } from "../support/machine_fixture.js";
import { GUEST_ADDRESS, PEER_ADDRESS, TAP } from "./peer_network.js";

const MIB = 1024 * 1024;
const PIECE_BYTES = 32;

export interface GuestDisks {
  /** Size of each disk and how much the guest reads of it, in MiB. */
  readonly diskMib: number;
  readonly readMib: number;
  /** Where the guest writes 1 MiB, in MiB. */
  readonly writeOffsetMib: number;
}

export interface GuestRun {
  readonly exitCode: number;
  readonly detail: string;
  readonly verified: Inspection;
  readonly report: GuestReport;
  /** SHA-256 of what each disk held where the guest read, made before it ran. */
  readonly expectedReads: readonly string[];
  /** SHA-256 of what each disk holds where the guest wrote, read after it ended. */
  readonly written: readonly string[];
  readonly console: string;
}

/**
 * Launches the Linux guest of the kit behind four confined processes: a disk at an lsi53c895a, one at a megasas, an e1000 at the
 * tap, and the VMM with KVM; waits for its end.
 */
export async function runLinuxGuest(
  generation: QemuGeneration,
  how: { readonly fixture: MachineFixture; readonly disks: GuestDisks },
): Promise<GuestRun> {
  const { fixture, disks } = how;
  const context = { progress: () => undefined };
  const [qemu, kit] = [await qemuRoot(generation, context), await guestKit(context)];
  const files = ["lsi.img", "mega.img"].map((name) => join(fixture.directory, name));
  const expectedReads = await Promise.all(files.map((file) => makeDisk(file, disks)));
  const output = new PassThrough();
  let console = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    console += text;
  });
  const request = await fixture.request(vmText(generation, kit, disks), {
    qemu: { program: qemu.binary, sysroot: qemu.root },
    stdio: { kind: "stream", output, input: null, escape: false },
  });
  const hostConfig = { ...request.hostConfig, imageRoots: [fixture.directory, dirname(kit.kernel)] };
  const machine = await launch({ ...request, hostConfig });
  const { exitCode, detail } = await machine.ended;
  const written = await Promise.all(files.map((file) => hashRange(file, disks.writeOffsetMib * MIB, MIB)));
  return { exitCode, detail, verified: machine.verified, report: parseGuestReport(console), expectedReads, written, console };
}

/**
 * loglevel=1: an error that the kernel prints may cut a line of the report in two. init_on_alloc=0: Debian's kernel would zero
 * each page before a device writes it, and so touch it first.
 */
function vmText(generation: QemuGeneration, kit: { kernel: string; initrd: string }, disks: GuestDisks): string {
  const append = [
    ...[
      "console=ttyS0",
      "loglevel=1",
      "panic=-1",
      "scsi_mod.scan=sync",
      "init_on_alloc=0",
      "bulkhead.disks=2",
      `bulkhead.read=${disks.readMib}M`,
    ],
    ...[`bulkhead.write=1M@${disks.writeOffsetMib}M`, `bulkhead.net=${GUEST_ADDRESS},${PEER_ADDRESS}`],
  ].join(" ");
  return `name: test-linux-${generation.replace(".", "-")}
machine: {memory: 256M, cpus: 1, accel: kvm}
boot: {kernel: {file: ${kit.kernel}, initrd: ${kit.initrd}, append: "${append}"}}
console: {serial: stdio}
devices:
  - {id: lsi, role: disk, model: lsi53c895a, disk: {file: lsi.img}}
  - {id: mega, role: disk, model: megasas, disk: {file: mega.img}}
  - {id: nic, role: net, model: e1000, net: {tap: ${TAP}, mac: "52:54:00:12:34:56"}}
`;
}

/** Content that differs per disk and place: a device that reads the wrong block cannot give the right sum. */
async function makeDisk(file: string, { diskMib, readMib }: GuestDisks): Promise<string> {
  const content = Buffer.alloc(readMib * MIB);
  const seed = createHash("sha256").update(file).digest();
  for (let offset = 0; offset < content.length; offset += PIECE_BYTES) {
    seed.copy(content, offset);
    content.writeUInt32LE(offset, offset);
  }
  await writeFile(file, content);
  const handle = await open(file, "r+");
  await handle.truncate(diskMib * MIB);
  await handle.close();
  return createHash("sha256").update(content).digest("hex");
}

async function hashRange(file: string, offset: number, sizeBytes: number): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offset);
    return createHash("sha256").update(buffer).digest("hex");
  } finally {
    await handle.close();
  }
}
