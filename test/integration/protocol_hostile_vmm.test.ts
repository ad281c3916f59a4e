import { closeSync, readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot, qemuRoot } from "../../src/compliance/lab/index.js";
import { addon } from "../../src/kernel/index.js";
import { suite } from "../support/harness.js";
import { startQemuRemote } from "../support/protocol/qemu_remote.js";

/** What docs/protocol.md says under "Findings about QEMU": a change there is a change of what a VMM can do to a device. */
const test = suite("QEMU's remote and a VMM that breaks the protocol", { needs: ["root", "lab"], timeoutMs: 40_000 });

const HEADER_BYTES = 16;
const REPLY_BYTES = HEADER_BYTES + 8;

function message(command: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(command, 0);
  header.writeBigUInt64LE(BigInt(payload.length), 8);
  return Buffer.concat([header, payload]);
}

function config(command: 2 | 3, address: number, length: number): Buffer {
  const payload = Buffer.alloc(12);
  payload.writeUInt32LE(address, 0);
  payload.writeInt32LE(length, 8);
  return message(command, payload);
}

function barRead(address: number, size: number, memory: 0 | 1): Buffer {
  const payload = Buffer.alloc(24);
  payload.writeBigUInt64LE(BigInt(address), 0);
  payload.writeUInt32LE(size, 16);
  payload.writeUInt8(memory, 20);
  return message(5, payload);
}

function regions(...list: readonly (readonly [gpa: bigint, size: bigint, offset: bigint])[]): Buffer {
  const payload = Buffer.alloc(192);
  for (const [index, [gpa, size, offset]] of list.entries()) {
    payload.writeBigUInt64LE(gpa, 8 * index);
    payload.writeBigUInt64LE(size, 64 + 8 * index);
    payload.writeBigInt64LE(offset, 128 + 8 * index);
  }
  return message(0, payload);
}

/** Reading the vendor: whoever answers this lives on. Vendor 1000h, device 0012h. */
const PING = config(3, 0, 4);
const VENDOR = 0x0012_1000n;
const PAGE = 4096n;
const ALL_ONES = 2n ** 64n - 1n;

interface Case {
  readonly what: string;
  readonly bytes: Buffer;
  /** So many fds of memory with it. Default 0. */
  readonly fds?: number;
  /** The value of its reply; null: there is none. */
  readonly answer: bigint | null;
  /** How the remote ends by itself; null: it lives on. */
  readonly ends: "0" | "SIGABRT" | null;
  /** fds that stay open in it. Default 0. */
  readonly left?: number;
}

const CASES: readonly Case[] = [
  { what: "a config-read of the last register's byte", bytes: config(3, 255, 1), answer: ALL_ONES, ends: "0" },
  { what: "a config-read of 5 bytes", bytes: config(3, 0, 5), answer: null, ends: "SIGABRT" },
  { what: "a config-read of -1 bytes", bytes: config(3, 0, -1), answer: null, ends: "SIGABRT" },
  { what: "a config-write of 200 bytes", bytes: config(2, 64, 200), answer: null, ends: "SIGABRT" },
  { what: "a config-read with seven fds", bytes: PING, fds: 7, answer: VENDOR, ends: null, left: 7 },
  { what: "a config-read with eight fds", bytes: PING, fds: 8, answer: null, ends: "0" },
  { what: "a bar-read that nothing claims", bytes: barRead(0xfe00_0000, 4, 1), answer: ALL_ONES, ends: "0" },
  { what: "a port that nothing claims", bytes: barRead(0x300, 1, 0), answer: 0xffn, ends: null },
  { what: "a bar-read of 3 bytes", bytes: barRead(0xfe00_0000, 3, 1), answer: ALL_ONES, ends: null },
  { what: "a ret", bytes: message(1, Buffer.alloc(8)), answer: null, ends: "0" },
  { what: "an unknown command", bytes: message(8, Buffer.alloc(0)), answer: null, ends: "0" },
  { what: "set-irqfd with memory", bytes: message(6, Buffer.alloc(0)), fds: 2, answer: null, ends: null, left: 2 },
  {
    what: "regions that overlap",
    bytes: regions([0n, 2n * PAGE, 0n], [PAGE, PAGE, 0n]),
    fds: 2,
    answer: null,
    ends: null,
    left: 2,
  },
  { what: "a region that wraps", bytes: regions([2n ** 64n - PAGE, 2n * PAGE, 0n]), fds: 1, answer: null, ends: null, left: 1 },
  { what: "a region beyond its file", bytes: regions([0n, 1024n * PAGE, 0n]), fds: 1, answer: null, ends: "0" },
];

/** The next reply's value; null when the channel ended instead. */
async function reply(socketFd: number): Promise<bigint | null> {
  const target = Buffer.alloc(REPLY_BYTES);
  for (;;) {
    try {
      const { bytes } = addon.receiveMessage({ socketFd, target });
      if (bytes === 0) return null;
      if (bytes !== null) return target.readBigUInt64LE(HEADER_BYTES);
    } catch {
      return null;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What differs from what the case expects. */
async function play(qemu: QemuRoot, { what, bytes, fds, answer, ends, left }: Case): Promise<string | null> {
  const remote = await startQemuRemote(qemu, "lsi53c895a");
  const socketFd = remote.channelFd;
  const put = (data: Buffer, count = 0): number => addon.sendMessage({ socketFd, data, fds: Array(count).fill(memory) });
  put(PING);
  await reply(socketFd);
  const countFds = (): number => readdirSync(`/proc/${remote.pid}/fd`).length;
  const before = countFds();
  put(bytes, fds);
  const answered = answer === null ? null : await reply(socketFd);
  let lives = false;
  try {
    put(PING);
    lives = (await reply(socketFd)) === VENDOR;
  } catch {
    // It has gone already.
  }
  const more = lives ? countFds() - before : 0;
  closeSync(socketFd);
  const { exitCode, signal, said } = await remote.ended;
  const seen = `answer ${answered}, ${lives ? "lives on" : `ends with ${signal ?? exitCode}`}, ${more} fds left`;
  const expected = `answer ${answer}, ${ends === null ? "lives on" : `ends with ${ends}`}, ${left ?? 0} fds left`;
  return seen === expected ? null : `${what}: ${seen} instead of ${expected}: ${said}`;
}

const roots = new Map<QemuGeneration, QemuRoot>();
let memory = -1;

test.before(async () => {
  for (const generation of QEMU_GENERATIONS) roots.set(generation, await qemuRoot(generation, { progress: () => undefined }));
  memory = addon.makeSealedMemory({ name: "hostile", sizeBytes: 16n * PAGE });
});
test.after(() => closeSync(memory));

for (const generation of QEMU_GENERATIONS) {
  test(`QEMU ${generation}: what breaks the protocol is answered, ends the process or leaves fds as it is documented`, async () => {
    const wrong: string[] = [];
    for (const one of CASES) {
      const problem = await play(roots.get(generation) as QemuRoot, one);
      if (problem !== null) wrong.push(problem);
    }
    assert.equal(wrong, []);
  });
}

test.run();
