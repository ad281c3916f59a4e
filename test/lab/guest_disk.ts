import { createHash } from "node:crypto";
import { open, writeFile } from "node:fs/promises";

export const MIB = 1024 * 1024;
const PIECE_BYTES = 32;

export interface GuestDisks {
  /** Size of each disk and how much the guest reads of it, in MiB. */
  readonly diskMib: number;
  readonly readMib: number;
  /** Where the guest writes 1 MiB, in MiB. */
  readonly writeOffsetMib: number;
}

/** Content that differs per disk and place: a device that reads the wrong block cannot give the right sum, which is returned. */
export async function makeDisk(file: string, { diskMib, readMib }: GuestDisks): Promise<string> {
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

/** SHA-256 of a part of a file, hexadecimal. */
export async function hashRange(file: string, offset: number, sizeBytes: number): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offset);
    return createHash("sha256").update(buffer).digest("hex");
  } finally {
    await handle.close();
  }
}
