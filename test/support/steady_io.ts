import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "./repository.js";

/** The layout of native/boot/steady_io.S: areas in sectors of 512 bytes. */
const SECTOR_BYTES = 512;
const REQUEST_SECTORS = 48;
const READ_AREA = { lba: 64, sectors: 64 * REQUEST_SECTORS };
const WRITES_PER_TURN = 3;
const WRITE_GROUPS = 16;
const GROUP_SECTORS = WRITES_PER_TURN * REQUEST_SECTORS;
const WRITE_AREA_LBA = READ_AREA.lba + READ_AREA.sectors;
const IMAGE_BYTES = 4 * 1024 * 1024;

const STAGE2_LBA = 1;
const STAGE2_BYTES = 4 * SECTOR_BYTES;
/** Offsets in the second stage of what the host tells it, each two bytes. */
const TOLD = { turns: STAGE2_BYTES - 4, disks: STAGE2_BYTES - 2 };

/** Of the requests that a disk gets in one turn. */
export const READS_PER_TURN = 7;
export { WRITES_PER_TURN };

/** What the guest says after its turns. */
export interface SteadyReport {
  readonly reads: number;
  readonly writes: number;
  readonly frames: number;
}

/** Makes disk `number` of `disks`, 4 MiB; the first boots the guest, which takes `turns` turns at each order. Both at most 65535. */
export async function writeSteadyDisk(
  path: string,
  disk: { readonly number: number; readonly disks: number; readonly turns: number },
): Promise<void> {
  const image = Buffer.alloc(IMAGE_BYTES);
  for (let lba = READ_AREA.lba; lba < READ_AREA.lba + READ_AREA.sectors; lba += 1) {
    sectorOf(disk.number, { lba, turn: 0 }).copy(image, lba * SECTOR_BYTES);
  }
  if (disk.number === 0) {
    const folder = join(repositoryRoot, "native/build/boot");
    const stage2 = await readFile(join(folder, "steady_io.bin"));
    stage2.writeUInt16LE(disk.turns, TOLD.turns);
    stage2.writeUInt16LE(disk.disks, TOLD.disks);
    image.set(await readFile(join(folder, "boot_sector.bin")));
    image.set(stage2, STAGE2_LBA * SECTOR_BYTES);
  }
  await writeFile(path, image);
}

/** The first sector of the two areas that does not hold what it must after `turns` turns, in words; null when all do. */
export async function findSteadyFault(
  path: string,
  disk: { readonly number: number; readonly turns: number },
): Promise<string | null> {
  const image = await readFile(path);
  for (let lba = READ_AREA.lba; lba < WRITE_AREA_LBA + WRITE_GROUPS * GROUP_SECTORS; lba += 1) {
    const expected = sectorOf(disk.number, { lba, turn: lastTurn(lba, disk.turns) });
    const found = image.subarray(lba * SECTOR_BYTES, (lba + 1) * SECTOR_BYTES);
    if (!found.equals(expected))
      return `${path}, sector ${lba}: ${found.toString("hex", 0, 16)}... is not ${expected.toString("hex", 0, 16)}...`;
  }
  return null;
}

/** The reports that a console holds so far, in order. */
export function parseSteadyReports(console: string): SteadyReport[] {
  return [...console.matchAll(/steady-io: reads=(\w{8}) writes=(\w{8}) frames=(\w{8})\r/g)].map(([, reads, writes, frames]) => ({
    reads: Number.parseInt(reads ?? "", 16),
    writes: Number.parseInt(writes ?? "", 16),
    frames: Number.parseInt(frames ?? "", 16),
  }));
}

function sectorOf(disk: number, { lba, turn }: { readonly lba: number; readonly turn: number }): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  for (let offset = 4; offset < SECTOR_BYTES; offset += 4) sector.writeUInt32LE(turn, offset);
  sector.writeUInt16LE(lba, 0);
  sector.writeUInt16LE(disk, 2);
  return sector;
}

/** Turn N writes group N modulo the number of groups. */
function lastTurn(lba: number, turns: number): number {
  if (lba < WRITE_AREA_LBA) return 0;
  const group = Math.floor((lba - WRITE_AREA_LBA) / GROUP_SECTORS);
  return turns - ((turns - group) % WRITE_GROUPS);
}
