import type { ProtocolError } from "../../errors/index.js";
import { COMMANDS, type Command, FD_COUNTS, FDS_MAX, PAYLOAD_BYTES, PAYLOAD_BYTES_MAX, REGION_PLACES } from "./command.js";
import type { Message, Region, Strictness } from "./message.js";
import { checkFields } from "./rules.js";
import { wireViolation } from "./violation.js";

/** What a header announces. */
export interface Header {
  readonly command: Command;
  readonly payloadBytes: number;
}

export interface DecodeOptions {
  /** A device process takes requests, a VMM replies. */
  readonly expects: "request" | "reply";
  readonly strictness: Strictness;
}

/** Reads the 16 bytes of a header. Throws ProtocolError "wire-violation". */
export function decodeHeader(bytes: Buffer, options: DecodeOptions): Header {
  const { expects, strictness } = options;
  const number = bytes.readInt32LE(0);
  const size = bytes.readBigUInt64LE(8);
  const command = number < 0 ? undefined : COMMANDS[number];
  if (command === undefined) {
    throw wireViolation(`a ${expects}`, { field: "cmd", value: number, rule: `be 0 to ${COMMANDS.length - 1}` });
  }
  if ((command === "ret") !== (expects === "reply")) {
    const rule = expects === "reply" ? "be RET (1), the only reply" : "be a request, not RET (1)";
    throw wireViolation(`${command} as a ${expects}`, { field: "cmd", value: number, rule });
  }
  if (size > PAYLOAD_BYTES_MAX) {
    throw wireViolation(command, { field: "size", value: size, rule: `be at most ${PAYLOAD_BYTES_MAX}` });
  }
  const sizes = sizesOf(command, strictness);
  if (sizes !== null && !sizes.includes(Number(size))) {
    throw wireViolation(command, { field: "size", value: size, rule: `be ${sizes.join(" or ")}` });
  }
  return { command, payloadBytes: Number(size) };
}

/** Throws ProtocolError "wire-violation" when not as many fds came as the command has. */
export function checkFdCount(command: Command, count: number, strictness: Strictness): void {
  const violation = findFdViolation(command, count, strictness);
  if (violation !== null) throw violation;
}

/** The message. `fdCount` is that of the fds that came with it: it says how many regions there are. */
export function decodePayload(header: Header, payload: Buffer, options: { fdCount: number; strictness: Strictness }): Message {
  const message = readPayload(header, payload, options.fdCount);
  if (options.strictness === "strict") checkFields(message);
  return message;
}

/** QEMU ignores the size of device-reset and of a reply. */
function sizesOf(command: Command, strictness: Strictness): readonly number[] | null {
  return strictness === "lenient" && (command === "ret" || command === "device-reset") ? null : PAYLOAD_BYTES[command];
}

/** QEMU takes, and leaves open, up to seven fds with a command that has none, BAR accesses apart. */
function findFdViolation(command: Command, count: number, strictness: Strictness): ProtocolError | null {
  const [min, most] = FD_COUNTS[command];
  const ignored = strictness === "lenient" && most === 0 && command !== "bar-read" && command !== "bar-write";
  const max = ignored ? FDS_MAX : most;
  if (count >= min && count <= max) return null;
  return wireViolation(command, { field: "fds", value: count, rule: min === max ? `be ${min}` : `be ${min} to ${max}` });
}

function readPayload({ command }: Header, payload: Buffer, fdCount: number): Message {
  switch (command) {
    case "sync-sysmem":
      return { command, regions: readRegions(payload, fdCount) };
    case "config-read":
    case "config-write":
      return { command, address: payload.readUInt32LE(0), value: payload.readUInt32LE(4), length: payload.readInt32LE(8) };
    case "bar-read":
    case "bar-write":
      return {
        command,
        address: payload.readBigUInt64LE(0),
        value: payload.readBigUInt64LE(8),
        size: payload.readUInt32LE(16),
        memory: payload.readUInt8(20) !== 0,
      };
    case "ret":
      return { command, value: readValue(payload) };
    case "set-irqfd":
    case "device-reset":
      return { command };
  }
}

function readRegions(payload: Buffer, count: number): Region[] {
  return Array.from({ length: count }, (_, index) => ({
    address: payload.readBigUInt64LE(index * 8),
    sizeBytes: payload.readBigUInt64LE((REGION_PLACES + index) * 8),
    offset: payload.readBigInt64LE((2 * REGION_PLACES + index) * 8),
  }));
}

/** Only a lenient channel sees other lengths than 0 and 8; QEMU fills up with zeros and ignores what is too much. */
function readValue(payload: Buffer): bigint | null {
  if (payload.length === 0) return null;
  const bytes = Buffer.alloc(8);
  payload.copy(bytes, 0, 0, 8);
  return bytes.readBigUInt64LE(0);
}
