import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The demo's disks, in sectors of 512 bytes. native/boot/stage2.S holds the same layout.
 *
 *     disk0  0     boot sector: native/boot/boot_sector.S
 *            1-4   second stage: native/boot/stage2.S
 *            8     marked sector
 *     disk1  8     marked sector
 *            9     written by the guest
 *
 *     marked sector    0 magic, 8 bytes; 8 text up to a zero byte; zeros to the end
 *     written sector   0 magic, 8 bytes; 8 sum, two bytes, low one first; 10 text, zeros to the end
 *
 * The sum is that of all 16-bit little-endian words of both marked sectors, modulo 65536: only who read both can know it.
 */
const SECTOR_BYTES = 512;
const IMAGE_BYTES = 1024 * 1024;
const MAGIC = "BULKHEAD";
const TEXT_OFFSET = 8;
const SUM_OFFSET = 8;
const WRITTEN_TEXT_OFFSET = 10;
const LBA = { bootSector: 0, stage2: 1, marked: 8, written: 9 } as const;
const WRITTEN_TEXT = "written by the guest through the process of disk1";

/** What the guest prints of each disk: `bulkhead-boot: disk0 says "..."`. */
export const MARKED_TEXTS = {
  disk0: "I am disk0, a process of my own",
  disk1: "I am disk1, and share nothing with disk0",
} as const;

export interface DemoImages {
  readonly disk0: string;
  readonly disk1: string;
}

/** What the guest left on disk1. `text` and `sum` are as found, also when they are wrong. */
export interface WrittenSector {
  /** True when magic, text and sum are all what a guest that read both disks writes. */
  readonly genuine: boolean;
  readonly text: string;
  readonly sum: number;
  /** The sum that the images as built call for. */
  readonly expectedSum: number;
}

/**
 * Makes `disk0.img` and `disk1.img`, raw, 1 MiB each, in a folder that is made when it is absent. Images of an earlier
 * run are replaced. `bootFolder` holds the assembled boot program (scripts/setup builds it in native/build/boot).
 */
export async function buildDemoImages(directory: string, bootFolder: string): Promise<DemoImages> {
  const bootSector = await readFile(join(bootFolder, "boot_sector.bin"));
  const stage2 = await readFile(join(bootFolder, "stage2.bin"));
  const images = { disk0: join(directory, "disk0.img"), disk1: join(directory, "disk1.img") };
  await mkdir(directory, { recursive: true });
  await writeFile(
    images.disk0,
    layOut([
      [LBA.bootSector, bootSector],
      [LBA.stage2, stage2],
      [LBA.marked, markedSector(MARKED_TEXTS.disk0)],
    ]),
  );
  await writeFile(images.disk1, layOut([[LBA.marked, markedSector(MARKED_TEXTS.disk1)]]));
  return images;
}

/** Reads what the guest wrote to a disk1 that buildDemoImages made. Rejects when the image cannot be read. */
export async function checkWrittenSector(disk1: string): Promise<WrittenSector> {
  const sector = await readSector(disk1, LBA.written);
  const text = textAt(sector, WRITTEN_TEXT_OFFSET);
  const sum = sector.readUInt16LE(SUM_OFFSET);
  const expectedSum = sumWords(Buffer.concat([markedSector(MARKED_TEXTS.disk0), markedSector(MARKED_TEXTS.disk1)]));
  const hasMagic = sector.toString("latin1", 0, MAGIC.length) === MAGIC;
  return { genuine: hasMagic && text === WRITTEN_TEXT && sum === expectedSum, text, sum, expectedSum };
}

function layOut(pieces: readonly (readonly [lba: number, contents: Buffer])[]): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES);
  for (const [lba, contents] of pieces) contents.copy(image, lba * SECTOR_BYTES);
  return image;
}

function markedSector(text: string): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  sector.write(MAGIC, 0, "latin1");
  sector.write(text, TEXT_OFFSET, "latin1");
  return sector;
}

async function readSector(image: string, lba: number): Promise<Buffer> {
  const file = await open(image, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SECTOR_BYTES), 0, SECTOR_BYTES, lba * SECTOR_BYTES);
    if (bytesRead !== SECTOR_BYTES) throw new Error(`Cannot read sector ${lba} of ${image}: it holds ${bytesRead} bytes of it`);
    return buffer;
  } finally {
    await file.close();
  }
}

function textAt(sector: Buffer, offset: number): string {
  return sector.toString("latin1", offset).replace(/\0.*$/s, "");
}

function sumWords(bytes: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) sum = (sum + bytes.readUInt16LE(offset)) & 0xffff;
  return sum;
}
