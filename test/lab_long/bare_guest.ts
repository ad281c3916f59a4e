// Runs inside the lab: one guest per QEMU generation, with an lsi53c895a, a megasas and an e1000, each in a remote process of
// QEMU alone. Writes one JSON line per generation: its report, and what the disks hold afterwards. Read by bare_guest.test.ts.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BareDevice, guestKit, type QemuGeneration, qemuRoot, runBareGuest } from "../../src/compliance/lab/index.js";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const DISK_BYTES = 32 * MIB;
const READ_BYTES = 8 * MIB;
const GUEST_TIMEOUT_MS = 180_000;
const PARAMETERS = ["bulkhead.disks=2", "bulkhead.read=8M", "bulkhead.write=1M@16M", "bulkhead.net=10.0.0.2/24,10.0.0.1"];

/** Content that differs per disk and place: a device that reads the wrong block cannot give the right sum. */
async function makeDisk(file: string, seed: string): Promise<string> {
  const content = Buffer.alloc(DISK_BYTES);
  for (let offset = 0; offset < READ_BYTES; offset += 32)
    createHash("sha256").update(`${seed} ${offset}`).digest().copy(content, offset);
  await writeFile(file, content);
  return createHash("sha256").update(content.subarray(0, READ_BYTES)).digest("hex");
}

async function readBack(file: string, offset: number, size: number): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(size), 0, size, offset);
    return createHash("sha256").update(buffer).digest("hex");
  } finally {
    await handle.close();
  }
}

function planDevices(disks: readonly [string, string]): BareDevice[] {
  const disk = (id: string, model: string, file: string): BareDevice => ({
    id,
    model,
    args: ["-drive", `if=none,id=b,file=${file},format=raw`, "-device", `scsi-hd,drive=b,bus=${id}.0`],
  });
  return [
    disk("lsi", "lsi53c895a", disks[0]),
    disk("mega", "megasas", disks[1]),
    {
      id: "nic",
      model: "e1000",
      properties: "netdev=n,mac=52:54:00:12:34:56",
      args: ["-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no"],
    },
  ];
}

async function prove(generation: QemuGeneration): Promise<unknown> {
  const context = { progress: (line: string) => void process.stderr.write(`${line}\n`) };
  const [qemu, kit] = [await qemuRoot(generation, context), await guestKit(context)];
  const directory = await mkdtemp("/tmp/guest-");
  const disks = [join(directory, "a.img"), join(directory, "b.img")] as const;
  const expectedReads = [await makeDisk(disks[0], "a"), await makeDisk(disks[1], "b")];
  const startedMs = performance.now();
  const report = await runBareGuest({
    qemu,
    kit,
    devices: planDevices(disks),
    parameters: PARAMETERS,
    timeoutMs: GUEST_TIMEOUT_MS,
  });
  const seconds = (performance.now() - startedMs) / 1000;
  const onDisk = [await readBack(disks[0], 16 * MIB, MIB), await readBack(disks[1], 16 * MIB, MIB)];
  await rm(directory, { recursive: true });
  return { generation, version: qemu.version, seconds, expectedReads, onDisk, report };
}

await run("ip", ["tuntap", "add", "dev", "tap0", "mode", "tap"]);
await run("ip", ["addr", "add", "10.0.0.1/24", "dev", "tap0"]);
await run("ip", ["link", "set", "tap0", "up"]);
for (const generation of process.argv.slice(2)) {
  process.stdout.write(`${JSON.stringify(await prove(generation as QemuGeneration))}\n`);
}
