import { CONFIG_BYTES } from "./command.js";
import type { BarAccess, ConfigAccess, Message, Region } from "./message.js";
import { type Violation, wireViolation } from "./violation.js";

/** What mmap(2) maps from on x86_64. */
const PAGE_BYTES = 4096n;
const ADDRESS_MAX = 2n ** 64n;
/** off_t is signed. */
const OFFSET_MAX = 2n ** 63n;
const PORTS = 0x1_0000n;
const U32_MAX = 0xffff_ffff;

/** Throws for fields whose values the specification forbids. Both ends of a strict channel pass what they send and receive here. */
export function checkFields(message: Message): void {
  const violation = findViolation(message);
  if (violation !== null) throw wireViolation(message.command, violation);
}

/** The first rule that a message's fields break, or null. */
export function findViolation(message: Message): Violation | null {
  switch (message.command) {
    case "sync-sysmem":
      return findRegionViolation(message.regions);
    case "config-read":
    case "config-write":
      return findConfigViolation(message);
    case "bar-read":
    case "bar-write":
      return findBarViolation(message);
    case "ret":
    case "set-irqfd":
    case "device-reset":
      return null;
  }
}

function findConfigViolation({ address, value, length }: ConfigAccess): Violation | null {
  if (![1, 2, 4].includes(length)) return { field: "len", value: length, rule: "be 1, 2 or 4" };
  if (!Number.isInteger(address) || address < 0 || address + length > CONFIG_BYTES) {
    return { field: "addr", value: address, rule: `leave ${length} bytes within the ${CONFIG_BYTES} of configuration space` };
  }
  if (!Number.isInteger(value) || value < 0 || value > U32_MAX)
    return { field: "val", value, rule: "be an unsigned 32-bit number" };
  return null;
}

function findBarViolation({ address, value, size, memory }: BarAccess): Violation | null {
  if (![1, 2, 4, 8].includes(size)) return { field: "size", value: size, rule: "be 1, 2, 4 or 8" };
  const end = memory ? ADDRESS_MAX : PORTS;
  if (address < 0n || address + BigInt(size) > end) {
    return {
      field: "addr",
      value: address,
      rule: `leave ${size} bytes within ${memory ? "64-bit addresses" : "the 65536 ports"}`,
    };
  }
  if (value < 0n || value >= ADDRESS_MAX) return { field: "val", value, rule: "be an unsigned 64-bit number" };
  return null;
}

function findRegionViolation(regions: readonly Region[]): Violation | null {
  for (const [index, region] of regions.entries()) {
    const violation = findOneRegionViolation(region);
    if (violation !== null) return { ...violation, field: `regions[${index}].${violation.field}` };
    const other = regions.findIndex((before, place) => place < index && overlap(before, region));
    if (other >= 0) return { field: `regions[${index}].gpa`, value: region.address, rule: `lie outside regions[${other}]` };
  }
  return null;
}

function findOneRegionViolation({ address, sizeBytes, offset }: Region): Violation | null {
  if (sizeBytes <= 0n || sizeBytes % PAGE_BYTES !== 0n) {
    return { field: "size", value: sizeBytes, rule: `be a positive multiple of ${PAGE_BYTES}` };
  }
  if (address < 0n || address % PAGE_BYTES !== 0n)
    return { field: "gpa", value: address, rule: `be a multiple of ${PAGE_BYTES}` };
  if (address + sizeBytes > ADDRESS_MAX)
    return { field: "gpa", value: address, rule: "leave the region within 64-bit addresses" };
  if (offset < 0n || offset % PAGE_BYTES !== 0n)
    return { field: "offset", value: offset, rule: `be a multiple of ${PAGE_BYTES}` };
  if (offset + sizeBytes > OFFSET_MAX) return { field: "offset", value: offset, rule: "leave the region within a file" };
  return null;
}

function overlap(one: Region, other: Region): boolean {
  return one.address < other.address + other.sizeBytes && other.address < one.address + one.sizeBytes;
}
