import { COMMANDS, type Command, HEADER_BYTES, PAYLOAD_BYTES_MAX, REGION_PLACES } from "../wire/command.js";

/** Header and payload of a message that need not be right in anything but what is said. */
export function bytesOf(command: Command | number, payload: Buffer = Buffer.alloc(0), more: HeaderFields = {}): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(typeof command === "number" ? command : COMMANDS.indexOf(command), 0);
  header.writeUInt32LE(more.reserved ?? 0, 4);
  header.writeBigUInt64LE(more.size ?? BigInt(payload.length), 8);
  return Buffer.concat([header, payload]);
}

interface HeaderFields {
  /** Default: the length of the payload. */
  readonly size?: bigint;
  /** Default 0. */
  readonly reserved?: number;
}

export function configBytes(command: "config-read" | "config-write", address: number, length: number): Buffer {
  const payload = Buffer.alloc(12);
  payload.writeUInt32LE(address, 0);
  payload.writeInt32LE(length, 8);
  return bytesOf(command, payload);
}

interface BarFields {
  readonly address: bigint;
  readonly size: number;
  /** 1: an address, 0: a port. */
  readonly memory: number;
  /** In the places that a receiver does not look at. Default 0. */
  readonly reserved?: number;
}

export function barBytes(command: "bar-read" | "bar-write", { address, size, memory, reserved = 0 }: BarFields): Buffer {
  const payload = Buffer.alloc(24, reserved);
  payload.writeBigUInt64LE(address, 0);
  payload.writeUInt32LE(size, 16);
  payload.writeUInt8(memory, 20);
  return bytesOf(command, payload);
}

/** Regions as guest physical address, size and offset. */
export function regionBytes(...regions: readonly (readonly [gpa: bigint, size: bigint, offset: bigint])[]): Buffer {
  const payload = Buffer.alloc(PAYLOAD_BYTES_MAX);
  for (const [index, [gpa, size, offset]] of regions.entries()) {
    payload.writeBigUInt64LE(gpa, 8 * index);
    payload.writeBigUInt64LE(size, 8 * (REGION_PLACES + index));
    payload.writeBigInt64LE(offset, 8 * (2 * REGION_PLACES + index));
  }
  return bytesOf("sync-sysmem", payload);
}
