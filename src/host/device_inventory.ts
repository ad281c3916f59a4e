import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { DeviceProgram } from "../spec/index.js";
import { type ProgramInventory, takeInventory } from "./program_inventory.js";
import { takeStaticInventory } from "./static_inventory.js";
import { requireTrustedFiles } from "./sysroot_trust.js";

/** What of a program of the host file decides its private root. */
export type ProgramFiles = Pick<DeviceProgram, "file" | "interpreter" | "files">;

/**
 * The inventory of a device's program: itself alone when it is static, otherwise with all that its loader needs. The program is
 * never run to know that. Throws HostError "program-untrusted", and what takeInventory throws.
 */
export async function takeDeviceInventory({ file, interpreter, files }: ProgramFiles): Promise<ProgramInventory> {
  await requireTrustedFiles([file, ...files]);
  const version = basename(file);
  const [runner] = interpreter ?? [];
  if (runner === undefined && files.length === 0 && isStatic(file)) {
    return takeStaticInventory({ source: file, target: file, version });
  }
  const beside = runner === undefined ? files : [file, ...files];
  const requested = beside.map((path) => ({ path, optional: false }));
  return takeInventory({ sysroot: "/", program: runner ?? file, files: requested, version });
}

/** Offsets in the header of a 64-bit ELF file, and of a program header: elf(5). */
const PROGRAM_HEADERS_AT = 32;
const PROGRAM_HEADER_BYTES_AT = 54;
const PROGRAM_HEADER_COUNT_AT = 56;
const ELF_HEADER_BYTES = 64;
/** "\x7fELF" as a little-endian number. */
const ELF_MAGIC = 0x464c457f;
/** The header that names the loader. */
const PT_INTERP = 3;

/** Whether a program is an ELF file that names no loader. One that cannot be read is for whoever takes its inventory. */
function isStatic(file: string): boolean {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch {
    return true;
  }
  if (content.length < ELF_HEADER_BYTES || content.readUInt32LE(0) !== ELF_MAGIC) return false;
  const at = Number(content.readBigUInt64LE(PROGRAM_HEADERS_AT));
  const sizeBytes = content.readUInt16LE(PROGRAM_HEADER_BYTES_AT);
  const places = Array.from({ length: content.readUInt16LE(PROGRAM_HEADER_COUNT_AT) }, (_, index) => at + index * sizeBytes);
  return !places.some((place) => place + 4 <= content.length && content.readUInt32LE(place) === PT_INTERP);
}
