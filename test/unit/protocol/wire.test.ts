import * as assert from "uvu/assert";
import { BulkheadError } from "../../../src/errors/index.js";
import { checkFdCount, decodeHeader, decodePayload } from "../../../src/protocol/wire/decode.js";
import { encodeMessage } from "../../../src/protocol/wire/encode.js";
import type { Message, Strictness } from "../../../src/protocol/wire/message.js";
import { suite } from "../../support/harness.js";

const test = suite("messages of the wire");

const PAGE = 4096n;

/** One of each, and the bytes that docs/protocol.md gives for it. */
const EXAMPLES: readonly (readonly [message: Message, fdCount: number, bytes: string])[] = [
  [{ command: "ret", value: 0x1234n }, 0, "01000000 00000000 0800000000000000 3412000000000000"],
  [{ command: "ret", value: null }, 0, "01000000 00000000 0000000000000000"],
  [
    { command: "config-write", address: 0x10, value: 0xfeb00000, length: 4 },
    0,
    "02000000 00000000 0c00000000000000 10000000 0000b0fe 04000000",
  ],
  [
    { command: "config-read", address: 2, value: 0, length: 2 },
    0,
    "03000000 00000000 0c00000000000000 02000000 00000000 02000000",
  ],
  [
    { command: "bar-write", address: 0xfeb00034n, value: 5n, size: 4, memory: true },
    0,
    "04000000 00000000 1800000000000000 3400b0fe00000000 0500000000000000 04000000 01 000000",
  ],
  [
    { command: "bar-read", address: 0xc000n, value: 0n, size: 1, memory: false },
    0,
    "05000000 00000000 1800000000000000 00c0000000000000 0000000000000000 01000000 00 000000",
  ],
  [{ command: "set-irqfd" }, 2, "06000000 00000000 0000000000000000"],
  [{ command: "device-reset" }, 0, "07000000 00000000 0000000000000000"],
];

const REGIONS = {
  command: "sync-sysmem",
  regions: [
    { address: 0n, sizeBytes: 0xa0000n, offset: 0n },
    { address: 0xc0000n, sizeBytes: 2n * PAGE, offset: 0xc0000n },
  ],
} as const satisfies Message;

function decode(bytes: Buffer, fdCount: number, strictness: Strictness = "strict"): Message {
  const expects = bytes.readInt32LE(0) === 1 ? "reply" : "request";
  const header = decodeHeader(bytes.subarray(0, 16), { expects, strictness });
  checkFdCount(header.command, fdCount, strictness);
  return decodePayload(header, bytes.subarray(16), { fdCount, strictness });
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, BulkheadError);
    assert.is((error as BulkheadError).code, "wire-violation");
    return (error as BulkheadError).message;
  }
  throw new Error("it was accepted");
}

for (const [message, fdCount, hex] of EXAMPLES) {
  test(`${message.command}${message.command === "ret" && message.value === null ? " without payload" : ""} is those bytes`, () => {
    assert.is(encodeMessage(message).toString("hex"), hex.replaceAll(" ", ""));
    assert.equal(decode(Buffer.from(hex.replaceAll(" ", ""), "hex"), fdCount), message);
  });
}

test("sync-sysmem is three arrays of eight places", () => {
  const bytes = encodeMessage(REGIONS);
  assert.is(bytes.length, 16 + 192);
  assert.equal(
    [16, 24, 80, 88, 144, 152, 32].map((at) => bytes.readBigUInt64LE(at)),
    [0n, 0xc0000n, 0xa0000n, 2n * PAGE, 0n, 0xc0000n, 0n],
  );
  assert.equal(decode(bytes, 2), REGIONS);
  assert.equal(decode(bytes, 1), { ...REGIONS, regions: REGIONS.regions.slice(0, 1) });
});

/** A valid message changed at one place, how many fds come with it, and what is said of it. */
const VIOLATIONS: readonly (readonly [what: string, message: Message, at: number, put: Buffer, fdCount: number, said: string])[] =
  [
    ["a negative command", { command: "set-irqfd" }, 0, i32(-1), 2, "cmd is -1; it must be 0 to 7"],
    ["a command beyond the last", { command: "set-irqfd" }, 0, i32(8), 2, "cmd is 8; it must be 0 to 7"],
    ["a payload over 192 bytes", REGIONS, 8, u64(193n), 2, "size is 193; it must be at most 192"],
    ["a size that is huge", REGIONS, 8, u64(2n ** 64n - 1n), 2, "size is 0xffffffffffffffff; it must be at most 192"],
    ["a set-irqfd with payload", { command: "set-irqfd" }, 8, u64(8n), 2, "size is 8; it must be 0"],
    ["a config-read of another size", configRead(0, 4), 8, u64(8n), 0, "size is 8; it must be 12"],
    ["a ret of another size", { command: "ret", value: 1n }, 8, u64(4n), 0, "size is 4; it must be 8 or 0"],
    ["sync-sysmem without fds", REGIONS, 0, i32(0), 0, "fds is 0; it must be 1 to 7"],
    ["sync-sysmem with eight fds", REGIONS, 0, i32(0), 8, "fds is 8; it must be 1 to 7"],
    ["set-irqfd with one fd", { command: "set-irqfd" }, 0, i32(6), 1, "fds is 1; it must be 2"],
    ["a fd with a config-read", configRead(0, 4), 0, i32(3), 1, "fds is 1; it must be 0"],
    ["a fd with a ret", { command: "ret", value: 1n }, 0, i32(1), 1, "fds is 1; it must be 0"],
    ["3 bytes of configuration space", configRead(0, 4), 24, i32(3), 0, "len is 3; it must be 1, 2 or 4"],
    ["200 bytes of configuration space", configRead(0, 4), 24, i32(200), 0, "len is 200; it must be 1, 2 or 4"],
    ["a negative length", configRead(0, 4), 24, i32(-4), 0, "len is -4; it must be 1, 2 or 4"],
    ["a register across the end", configRead(252, 4), 16, i32(253), 0, "addr is 253; it must leave 4 bytes within the 256"],
    ["a register far off", configRead(0, 4), 16, i32(-1), 0, "addr is 0xffffffff; it must leave"],
    ["a BAR access of 3 bytes", barRead(0n), 32, i32(3), 0, "size is 3; it must be 1, 2, 4 or 8"],
    ["a BAR access of 16 bytes", barRead(0n), 32, i32(16), 0, "size is 16; it must be"],
    [
      "a BAR access that wraps",
      barRead(0n),
      16,
      u64(2n ** 64n - 3n),
      0,
      "addr is 0xfffffffffffffffd; it must leave 4 bytes within 64-bit",
    ],
    [
      "a port beyond 65535",
      { ...barRead(0n), memory: false },
      16,
      u64(0xfffdn),
      0,
      "addr is 0xfffd; it must leave 4 bytes within the 65536",
    ],
    ["an empty region", REGIONS, 88, u64(0n), 2, "regions[1].size is 0; it must be a positive multiple of 4096"],
    ["a region that is no whole pages", REGIONS, 88, u64(4097n), 2, "regions[1].size is 0x1001; it must be a positive multiple"],
    ["a region between pages", REGIONS, 24, u64(0xc0800n), 2, "regions[1].gpa is 0xc0800; it must be a multiple of 4096"],
    [
      "a region that wraps",
      REGIONS,
      88,
      u64(2n ** 64n - PAGE),
      2,
      "regions[1].gpa is 0xc0000; it must leave the region within 64-bit",
    ],
    ["a negative offset", REGIONS, 152, u64(2n ** 64n - PAGE), 2, "regions[1].offset is -4096; it must be a multiple of 4096"],
    [
      "an offset beyond files",
      REGIONS,
      152,
      u64(2n ** 63n - PAGE),
      1 + 1,
      "regions[1].offset is 0x7ffffffffffff000; it must leave",
    ],
    ["regions that overlap", REGIONS, 24, u64(0x9f000n), 2, "regions[1].gpa is 0x9f000; it must lie outside regions[0]"],
  ];

for (const [what, message, at, put, fdCount, said] of VIOLATIONS) {
  test(`${what}: refused, naming field, value and rule`, () => {
    const bytes = encodeMessage(message);
    put.copy(bytes, at);
    assert.match(
      refusal(() => decode(bytes, fdCount)),
      said,
    );
  });
}

test("a ret is no request, and a request no reply", () => {
  const ret = encodeMessage({ command: "ret", value: 0n });
  assert.match(
    refusal(() => decodeHeader(ret, { expects: "request", strictness: "strict" })),
    "cmd is 1; it must be a request",
  );
  const reset = encodeMessage({ command: "device-reset" });
  assert.match(
    refusal(() => decodeHeader(reset, { expects: "reply", strictness: "lenient" })),
    "cmd is 7; it must be RET (1)",
  );
});

test("what a strict receiver refuses is not sent", () => {
  assert.match(
    refusal(() => encodeMessage({ ...configRead(0, 4), length: 3 })),
    "len is 3",
  );
  assert.match(
    refusal(() => encodeMessage({ command: "config-write", address: 0, value: 2 ** 32, length: 4 })),
    "val is 0x100000000",
  );
  assert.match(
    refusal(() => encodeMessage({ ...barRead(0n), value: -1n })),
    "val is -1",
  );
});

test("lenient: what QEMU takes beyond the specification is taken", () => {
  const odd = encodeMessage({ command: "ret", value: 0x1122n });
  odd.writeBigUInt64LE(2n, 8);
  assert.equal(decode(odd.subarray(0, 18), 0, "lenient"), { command: "ret", value: 0x1122n });
  const long = Buffer.concat([encodeMessage({ command: "device-reset" }), Buffer.alloc(192)]);
  long.writeBigUInt64LE(192n, 8);
  assert.equal(decode(long, 7, "lenient"), { command: "device-reset" });
  const wide = encodeMessage(configRead(0, 4));
  wide.writeInt32LE(200, 24);
  assert.equal(decode(wide, 7, "lenient"), configRead(0, 200));
});

test("lenient: what QEMU refuses is refused", () => {
  const size = encodeMessage(configRead(0, 4));
  size.writeBigUInt64LE(8n, 8);
  assert.match(
    refusal(() => decode(size, 0, "lenient")),
    "size is 8; it must be 12",
  );
  assert.match(
    refusal(() => decode(encodeMessage(configRead(0, 4)), 8, "lenient")),
    "fds is 8; it must be 0 to 7",
  );
  assert.match(
    refusal(() => decode(encodeMessage(barRead(0n)), 1, "lenient")),
    "fds is 1; it must be 0",
  );
  assert.match(
    refusal(() => decode(encodeMessage(REGIONS), 8, "lenient")),
    "fds is 8; it must be 1 to 7",
  );
});

function configRead(address: number, length: number): Message & { command: "config-read" } {
  return { command: "config-read", address, value: 0, length };
}

function barRead(address: bigint): Message & { command: "bar-read" } {
  return { command: "bar-read", address, value: 0n, size: 4, memory: true };
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

test.run();
