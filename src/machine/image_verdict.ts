/** Native struct Verdict of native/judge/verdict.h, host byte order, which on x86-64 is little-endian. */
export const VERDICT_BYTES = 1064;
const VERDICT_MAGIC = 0x31564842;
const NAME_OFFSET = 40;
const NAME_BYTES_MAX = 1023;

const NAMES_BACKING = 1 << 0;
const NAMES_DATA_FILE = 1 << 1;
const IS_ENCRYPTED = 1 << 2;

/** What is wrong with an image, in the order of enum Fault, each as the end of a sentence about it. */
export const FAULTS = [
  null,
  "it cannot be read to the end of what its header names",
  "it does not start as a qcow2 image does",
  "it is of a version of qcow2 other than 2 and 3",
  "its cluster size is not one that qcow2 has",
  "its virtual size is beyond what an offset can name",
  "its header has a length that version 3 does not allow",
  "it needs features that QEMU does not have",
  "it is marked corrupt",
  "its compression type is not one that qcow2 has",
  "its reference counts have more than 64 bits",
  "its refcount table has no place in the file, or is larger than 8 MiB",
  "its refcount table names a place outside the file",
  "its L1 table has no place in the file, is larger than 32 MiB, or too small for its virtual size",
  "its L1 table names a place outside the file",
  "two of its tables lie on each other",
  "its snapshot table has no place in the file, or more than 65536 entries",
  "one of its snapshots names a place outside the file, or is larger than QEMU takes",
  "a header extension runs beyond the first cluster, or stands there twice",
  "its directory of bitmaps has no place in the file, or another size than it says",
  "the name of its backing file is malformed",
] as const;

/** What a judge says of an image. */
export type ImageVerdict =
  | { readonly sound: false; readonly fault: string; readonly offset: bigint; readonly value: bigint }
  | {
      readonly sound: true;
      readonly virtualBytes: bigint;
      /** As the header spells it; a tenant's text. Null without one. */
      readonly backingName: string | null;
      readonly namesDataFile: boolean;
      readonly isEncrypted: boolean;
    };

/** Decodes a verdict; null for bytes that are none: who wrote them has parsed a tenant's file, and is not believed. */
export function decodeVerdict(bytes: Buffer): ImageVerdict | null {
  if (bytes.length !== VERDICT_BYTES || bytes.readUInt32LE(0) !== VERDICT_MAGIC) return null;
  const fault = FAULTS[bytes.readUInt32LE(4)];
  const flags = bytes.readUInt32LE(32);
  const nameBytes = bytes.readUInt32LE(36);
  if (fault === undefined || flags > (NAMES_BACKING | NAMES_DATA_FILE | IS_ENCRYPTED) || nameBytes > NAME_BYTES_MAX) return null;
  if (fault !== null) return { sound: false, fault, offset: bytes.readBigUInt64LE(8), value: bytes.readBigUInt64LE(16) };
  const name = bytes.toString("utf8", NAME_OFFSET, NAME_OFFSET + nameBytes);
  return {
    sound: true,
    virtualBytes: bytes.readBigUInt64LE(24),
    backingName: (flags & NAMES_BACKING) === 0 ? null : name,
    namesDataFile: (flags & NAMES_DATA_FILE) !== 0,
    isEncrypted: (flags & IS_ENCRYPTED) !== 0,
  };
}
