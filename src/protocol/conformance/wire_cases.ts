import { barBytes, bytesOf, configBytes, regionBytes } from "./wire_message.js";

/** Kinds of fds that are sent along. */
export type CaseFd = "memory" | "unsealed" | "eventfd" | "null-device" | "directory" | "socket";

/** One sendmsg. */
export interface CasePart {
  readonly bytes: Buffer;
  readonly fds?: readonly CaseFd[];
}

/** Bytes that a VMM sends to a device which has answered it before, and what the device must make of them. */
export interface WireCase {
  readonly id: string;
  readonly what: string;
  readonly parts: readonly CasePart[];
  /** What it answers: the value, any value ("value"), a ret without payload ("empty"), or nothing ("none"). */
  readonly answer: bigint | "value" | "empty" | "none";
  /** Whether it goes on to serve, or ends the channel. It never dies of a signal. */
  readonly must: "serves" | "ends";
  /** fds that it may keep, beyond those that it had. Default 0. */
  readonly keeps?: number;
}

const PAGE = 4096n;
/** Where nothing is in the tests: above guest memory, below 4 GiB, in no BAR that was placed. */
const UNCLAIMED = 0xfe00_0000n;
const UNCLAIMED_PORT = 0x300n;
const TOP = 2n ** 64n;
const READ_IDS = configBytes("config-read", 0, 4);

function fds(count: number, kind: CaseFd = "memory"): CaseFd[] {
  return Array<CaseFd>(count).fill(kind);
}

/** Seven regions of one page each. */
const SEVEN = regionBytes(...[0n, 1n, 2n, 3n, 4n, 5n, 6n].map((page) => [2n * page * PAGE, PAGE, page * PAGE] as const));

function served(id: string, what: string, rest: Pick<WireCase, "parts" | "answer"> & Partial<Pick<WireCase, "keeps">>): WireCase {
  return { id, what, must: "serves", ...rest };
}

function violation(id: string, what: string, ...parts: readonly CasePart[]): WireCase {
  return { id, what, parts, answer: "none", must: "ends" };
}

const one = (bytes: Buffer): Pick<WireCase, "parts"> => ({ parts: [{ bytes }] });

/** What every device must take. */
const SERVED: readonly WireCase[] = [
  served("reserved-header", "reserved bytes of a header that are not 0", {
    ...one(bytesOf("config-read", READ_IDS.subarray(16), { reserved: 0xffff_ffff })),
    answer: "value",
  }),
  served("reserved-bar", "reserved bytes of a bar-read that are not 0", {
    ...one(barBytes("bar-read", { address: UNCLAIMED_PORT, size: 1, memory: 0, reserved: 0xff })),
    answer: 0xffn,
  }),
  served("byte-by-byte", "a request that comes byte by byte", {
    parts: [...READ_IDS].map((byte) => ({ bytes: Buffer.from([byte]) })),
    answer: "value",
  }),
  served("merged", "set-irqfd and a request in one sendmsg", {
    parts: [{ bytes: Buffer.concat([bytesOf("set-irqfd"), READ_IDS]), fds: fds(2, "eventfd") }],
    answer: "value",
    keeps: 2,
  }),
  served("irqfd-again", "three times set-irqfd", {
    parts: fds(3).map(() => ({ bytes: bytesOf("set-irqfd"), fds: fds(2, "eventfd") })),
    answer: "none",
    keeps: 2,
  }),
  served("seven-regions", "seven regions, of one file", { parts: [{ bytes: SEVEN, fds: fds(7) }], answer: "none", keeps: 7 }),
  served("regions-again", "three times seven regions", {
    parts: fds(3).map(() => ({ bytes: SEVEN, fds: fds(7) })),
    answer: "none",
    keeps: 7,
  }),
  served("reset", "a device-reset", { ...one(bytesOf("device-reset")), answer: "empty" }),
  served("config-last-register", "a config-read of the last register", {
    ...one(configBytes("config-read", 252, 4)),
    answer: "value",
  }),
  served("config-last-byte", "a config-read of the last byte", { ...one(configBytes("config-read", 255, 1)), answer: "value" }),
  served("config-last-write", "a config-write of the last byte", { ...one(configBytes("config-write", 255, 1)), answer: 0n }),
  served("unclaimed-read", "a bar-read of memory that nothing claims", {
    ...one(barBytes("bar-read", { address: UNCLAIMED, size: 4, memory: 1 })),
    answer: 0xffff_ffffn,
  }),
  served("unclaimed-write", "a bar-write of memory that nothing claims", {
    ...one(barBytes("bar-write", { address: UNCLAIMED, size: 4, memory: 1 })),
    answer: 0n,
  }),
  served("unclaimed-port", "a bar-read of a port that nothing claims", {
    ...one(barBytes("bar-read", { address: UNCLAIMED_PORT, size: 2, memory: 0 })),
    answer: 0xffffn,
  }),
  served("unclaimed-port-write", "a bar-write of a port that nothing claims", {
    ...one(barBytes("bar-write", { address: UNCLAIMED_PORT, size: 4, memory: 0 })),
    answer: 0n,
  }),
  served("last-address", "a bar-read of the last 8 bytes of all addresses", {
    ...one(barBytes("bar-read", { address: TOP - 8n, size: 8, memory: 1 })),
    answer: TOP - 1n,
  }),
];

/** What no device may take. */
const HEADER_VIOLATIONS: readonly WireCase[] = [
  violation("cmd-negative", "command -1", { bytes: bytesOf(-1) }),
  violation("cmd-unknown", "command 8", { bytes: bytesOf(8) }),
  violation("cmd-ret", "a ret", { bytes: bytesOf("ret", Buffer.alloc(8)) }),
  violation("size-over", "a payload of 193 bytes", { bytes: bytesOf("sync-sysmem", Buffer.alloc(193)), fds: fds(1) }),
  violation("size-huge", "a size of 2^63", { bytes: bytesOf("config-read", Buffer.alloc(12), { size: 2n ** 63n }) }),
  violation("size-short", "a config-read of 11 bytes", { bytes: bytesOf("config-read", Buffer.alloc(11)) }),
  violation("size-long", "a bar-read of 25 bytes", { bytes: bytesOf("bar-read", Buffer.alloc(25)) }),
  violation("size-reset", "a device-reset with 8 bytes", { bytes: bytesOf("device-reset", Buffer.alloc(8)) }),
  violation("cut-header", "the end within a header", { bytes: READ_IDS.subarray(0, 9) }),
  violation("cut-payload", "the end within a payload", { bytes: READ_IDS.subarray(0, 20) }),
];

const FD_VIOLATIONS: readonly WireCase[] = [
  violation("fds-config", "a config-read with an fd", { bytes: READ_IDS, fds: fds(1) }),
  violation("fds-config-seven", "a config-read with seven fds", { bytes: READ_IDS, fds: fds(7) }),
  violation("fds-config-eight", "a config-read with eight fds", { bytes: READ_IDS, fds: fds(8) }),
  violation("fds-flood", "a device-reset with 253 fds", { bytes: bytesOf("device-reset"), fds: fds(253, "null-device") }),
  violation("fds-bar", "a bar-read with an fd", {
    bytes: barBytes("bar-read", { address: UNCLAIMED_PORT, size: 1, memory: 0 }),
    fds: fds(1),
  }),
  violation("fds-irqfd-one", "set-irqfd with one fd", { bytes: bytesOf("set-irqfd"), fds: fds(1, "eventfd") }),
  violation("fds-irqfd-three", "set-irqfd with three fds", { bytes: bytesOf("set-irqfd"), fds: fds(3, "eventfd") }),
  violation("fds-irqfd-memory", "set-irqfd with memory", { bytes: bytesOf("set-irqfd"), fds: fds(2) }),
  violation("fds-memory-none", "sync-sysmem without an fd", { bytes: SEVEN }),
  violation("fds-memory-eight", "sync-sysmem with eight fds", { bytes: SEVEN, fds: fds(8) }),
  violation(
    "fds-late",
    "fds that come with the payload",
    { bytes: SEVEN.subarray(0, 16), fds: fds(6) },
    { bytes: SEVEN.subarray(16), fds: fds(1) },
  ),
];

const FIELD_VIOLATIONS: readonly WireCase[] = [
  violation("config-len-negative", "a config-read of -1 bytes", { bytes: configBytes("config-read", 0, -1) }),
  ...[0, 3, 5].map((length) =>
    violation(`config-len-${length}`, `a config-read of ${length} bytes`, { bytes: configBytes("config-read", 0, length) }),
  ),
  violation("config-len-200", "a config-write of 200 bytes", { bytes: configBytes("config-write", 64, 200) }),
  violation("config-beyond", "a config-read of 4 bytes at 254", { bytes: configBytes("config-read", 254, 4) }),
  violation("config-far", "a config-read at 2^32 - 1", { bytes: configBytes("config-read", 0xffff_ffff, 1) }),
  ...[0, 3, 16].map((size) =>
    violation(`bar-size-${size}`, `a bar-read of ${size} bytes`, {
      bytes: barBytes("bar-read", { address: UNCLAIMED, size, memory: 1 }),
    }),
  ),
  violation("bar-wraps", "a bar-read of 4 bytes at 2^64 - 2", {
    bytes: barBytes("bar-read", { address: TOP - 2n, size: 4, memory: 1 }),
  }),
  violation("port-beyond", "a bar-read of 4 bytes at port 65534", {
    bytes: barBytes("bar-read", { address: 0xfffen, size: 4, memory: 0 }),
  }),
];

function region(id: string, what: string, gpa: bigint, size: bigint, offset: bigint): WireCase {
  return violation(id, what, { bytes: regionBytes([gpa, size, offset]), fds: fds(1) });
}

function file(id: string, what: string, kind: CaseFd): WireCase {
  return violation(id, what, { bytes: regionBytes([0n, PAGE, 0n]), fds: [kind] });
}

const REGION_VIOLATIONS: readonly WireCase[] = [
  region("region-empty", "a region of 0 bytes", 0n, 0n, 0n),
  region("region-part-page", "a region of half a page", 0n, PAGE / 2n, 0n),
  region("region-between-pages", "a region between pages", 0x800n, PAGE, 0n),
  region("region-offset", "a region between pages of its file", 0n, PAGE, 0x800n),
  region("region-before", "a region before its file", 0n, PAGE, -PAGE),
  region("region-wraps", "a region that wraps", TOP - PAGE, 2n * PAGE, 0n),
  region("region-beyond", "a region beyond its file", 0n, 1024n * PAGE, 0n),
  region("region-offset-wraps", "a region whose offset and size wrap", 0n, 2n * PAGE, 2n ** 63n - PAGE),
  violation("region-overlap", "regions that overlap", {
    bytes: regionBytes([0n, 2n * PAGE, 0n], [PAGE, PAGE, 0n]),
    fds: fds(2),
  }),
  file("file-unsealed", "memory that can be cut off", "unsealed"),
  file("file-eventfd", "an eventfd as memory", "eventfd"),
  file("file-device", "a device node as memory", "null-device"),
  file("file-directory", "a directory as memory", "directory"),
  file("file-socket", "a socket as memory", "socket"),
];

/** Each is played to a device process of its own. */
export const WIRE_CASES: readonly WireCase[] = [
  ...SERVED,
  ...HEADER_VIOLATIONS,
  ...FD_VIOLATIONS,
  ...FIELD_VIOLATIONS,
  ...REGION_VIOLATIONS,
];
