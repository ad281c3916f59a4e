import { COMMANDS, HEADER_BYTES, PAYLOAD_BYTES_MAX, REGION_PLACES } from "./command.js";
import type { BarAccess, ConfigAccess, Message, Region } from "./message.js";
import { checkFields } from "./rules.js";

/** Header and payload. Throws ProtocolError "wire-violation" for what a strict receiver would refuse. */
export function encodeMessage(message: Message): Buffer {
  checkFields(message);
  const payload = encodePayload(message);
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  bytes.writeInt32LE(COMMANDS.indexOf(message.command), 0);
  bytes.writeBigUInt64LE(BigInt(payload.length), 8);
  payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

function encodePayload(message: Message): Buffer {
  switch (message.command) {
    case "sync-sysmem":
      return encodeRegions(message.regions);
    case "config-read":
    case "config-write":
      return encodeConfigAccess(message);
    case "bar-read":
    case "bar-write":
      return encodeBarAccess(message);
    case "ret":
      return message.value === null ? Buffer.alloc(0) : encodeValue(message.value);
    case "set-irqfd":
    case "device-reset":
      return Buffer.alloc(0);
  }
}

/** Three arrays, not an array of structs; unused places are 0. */
function encodeRegions(regions: readonly Region[]): Buffer {
  const bytes = Buffer.alloc(PAYLOAD_BYTES_MAX);
  for (const [index, { address, sizeBytes, offset }] of regions.entries()) {
    bytes.writeBigUInt64LE(address, index * 8);
    bytes.writeBigUInt64LE(sizeBytes, (REGION_PLACES + index) * 8);
    bytes.writeBigInt64LE(offset, (2 * REGION_PLACES + index) * 8);
  }
  return bytes;
}

function encodeConfigAccess({ address, value, length }: ConfigAccess): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(address, 0);
  bytes.writeUInt32LE(value, 4);
  bytes.writeInt32LE(length, 8);
  return bytes;
}

function encodeBarAccess({ address, value, size, memory }: BarAccess): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(address, 0);
  bytes.writeBigUInt64LE(value, 8);
  bytes.writeUInt32LE(size, 16);
  bytes.writeUInt8(memory ? 1 : 0, 20);
  return bytes;
}

function encodeValue(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value, 0);
  return bytes;
}
