import { closeSync, openSync } from "node:fs";
import fc from "fast-check";
import { addon } from "../../../src/kernel/index.js";
import { encodeMessage } from "../../../src/protocol/wire/encode.js";
import type { Message } from "../../../src/protocol/wire/message.js";

/** Kinds of fds that a hostile peer sends along. */
const FD_KINDS = ["memory", "file", "eventfd", "socket", "directory", "device"] as const;
type FdKind = (typeof FD_KINDS)[number];

/** One sendmsg of a peer. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly fds: readonly FdKind[];
}

const PAGE = 4096n;
const MEMORY_BYTES = 16n * PAGE;

const address = fc.oneof(
  fc.bigInt(0n, 2n ** 20n),
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.constantFrom(0n, 0xfeb00000n, 2n ** 64n - PAGE),
);
const page = fc.oneof(fc.bigInt(0n, 64n), fc.bigInt(0n, 2n ** 51n)).map((number) => number * PAGE);
const value = fc.bigInt(0n, 2n ** 64n - 1n);

/** Plain objects, to compare with what is decoded. */
const PLAIN = { noNullPrototype: true };

const pages = (max: bigint): fc.Arbitrary<bigint> => fc.bigInt(0n, max).map((number) => number * PAGE);
const region = fc.oneof(
  // What fits into the file that comes with it, mostly.
  fc.record({ address: pages(1024n), sizeBytes: pages(8n), offset: pages(8n) }, PLAIN),
  fc.record({ address: page, sizeBytes: page, offset: page }, PLAIN),
);
const configAccess = fc.record(
  {
    command: fc.constantFrom("config-read" as const, "config-write" as const),
    address: fc.oneof(fc.constantFrom(4, 0x10, 0x14), fc.nat(255)),
    value: fc.oneof(fc.constantFrom(7, 0xfeb00000, 0xffffffff), fc.nat()),
    length: fc.constantFrom(1, 2, 4),
  },
  PLAIN,
);
const barAccess = fc.record(
  {
    command: fc.constantFrom("bar-read" as const, "bar-write" as const),
    address: fc.oneof(address, fc.bigInt(0xfeb00000n, 0xfeb00040n)),
    value: fc.oneof(address, value),
    size: fc.constantFrom(1, 2, 4, 8),
    memory: fc.boolean(),
  },
  PLAIN,
);

/** Messages whose fields are in their types' ranges, but not always what the protocol allows. */
export const messages: fc.Arbitrary<Message> = fc.oneof(
  configAccess,
  barAccess,
  fc.record({ command: fc.constant("sync-sysmem" as const), regions: fc.array(region, { minLength: 1, maxLength: 8 }) }, PLAIN),
  fc.record({ command: fc.constant("ret" as const), value: fc.option(value) }, PLAIN),
  fc.constantFrom<Message>({ command: "set-irqfd" }, { command: "device-reset" }),
);

/** Its bytes, or those of a reset when the protocol does not allow it. */
function bytesOf(message: Message): Buffer {
  try {
    return encodeMessage(message);
  } catch {
    return encodeMessage({ command: "device-reset" });
  }
}

/** Bytes of a message, some of them changed, or a part of them. */
const damaged = fc
  .record({ message: messages, at: fc.nat(40), put: fc.uint8Array({ maxLength: 8 }), end: fc.nat(300) })
  .map(({ message, at, put, end }) => {
    const bytes = bytesOf(message);
    Buffer.from(put).copy(bytes, Math.min(at, bytes.length));
    return new Uint8Array(bytes.subarray(0, Math.max(1, end)));
  });

const wellFormed = messages.map((message) => ({ bytes: new Uint8Array(bytesOf(message)), fds: fdsFor(message) }));

function fdsFor(message: Message): FdKind[] {
  if (message.command === "set-irqfd") return ["eventfd", "eventfd"];
  return message.command === "sync-sysmem" ? message.regions.slice(0, 7).map(() => "memory") : [];
}

const bytes = fc.oneof(damaged, fc.uint8Array({ minLength: 1, maxLength: 64 }));
const fds = fc.oneof(
  fc.constant<FdKind[]>([]),
  fc.array(fc.constantFrom(...FD_KINDS), { maxLength: 10 }),
  // A flood, though not what the kernel lets one message carry: those many are slow to make.
  fc.nat(60).map((count): FdKind[] => Array.from({ length: count }, () => "device")),
);

/** What a peer sends: well-formed messages, damaged ones, bytes without sense, each with the fds that it needs or any others. */
export const streams: fc.Arbitrary<readonly Piece[]> = fc.array(
  fc.oneof({ arbitrary: wellFormed, weight: 6 }, { arbitrary: fc.record({ bytes, fds }), weight: 1 }),
  { minLength: 1, maxLength: 12 },
);

/** Makes the fds of one piece, which the caller closes. */
export class HostileFds {
  readonly #made: number[] = [];

  make(kinds: readonly FdKind[]): number[] {
    return kinds.map((kind) => this.#keep(kind));
  }

  close(): void {
    for (const fd of this.#made.splice(0)) closeSync(fd);
  }

  #keep(kind: FdKind): number {
    const fds = open(kind);
    this.#made.push(...fds);
    return fds[0] as number;
  }
}

function open(kind: FdKind): number[] {
  switch (kind) {
    case "memory":
      return [addon.makeSealedMemory({ name: "hostile", sizeBytes: MEMORY_BYTES })];
    case "file":
      return [openSync(import.meta.filename, "r")];
    case "eventfd":
      return [addon.makeEventfd()];
    case "socket":
      return addon.socketPair();
    case "directory":
      return [openSync("/", "r")];
    case "device":
      return [openSync("/dev/null", "r")];
  }
}
