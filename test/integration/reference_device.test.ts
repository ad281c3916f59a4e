import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, readdirSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { addon } from "../../src/kernel/index.js";
import { DeviceProxy, probeDevice } from "../../src/protocol/index.js";
import { suite } from "../support/harness.js";
import { makeUnsealedMemory } from "../support/protocol/unsealed_memory.js";
import { repositoryRoot } from "../support/repository.js";

const test = suite("the reference device");

const PROGRAM = join(repositoryRoot, "native/build/reference_device/reference_device");
const PAGE = 4096;
const WINDOW = 0xfeb0_0000;
/** Registers: native/reference_device/device.h. */
const MAGIC = 0x00;
const SCRATCH = 0x08;
const DMA = { source: 0x40, destination: 0x48, length: 0x50, control: 0x54, status: 0x58 };
const DOORBELL = 0x60;
const LINE = 0x68;
const COUNTS = 0x100;
const FDS = 0x140;
const RESAMPLES = 0x148;
const [DONE, FAILED] = [1n, 2n];

let proxy: DeviceProxy;
let device: ChildProcess;
let ended: Promise<string>;
let memory = -1;

test.beforeEach(async () => {
  const [near, far] = addon.socketPair();
  device = spawn(PROGRAM, [], { stdio: ["ignore", "ignore", "pipe", far], env: {} });
  closeSync(far);
  let said = "";
  device.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  ended = new Promise((resolve) => device.on("close", (code, signal) => resolve(`${signal ?? code} ${said}`.trim())));
  proxy = new DeviceProxy({ fd: near, name: "reference" });
  memory = addon.makeSealedMemory({ name: "guest", sizeBytes: BigInt(8 * PAGE) });
  await proxy.writeConfig({ address: 0x10, value: WINDOW, length: 4 });
  await proxy.writeConfig({ address: 4, value: 6, length: 2 });
});
test.afterEach(async () => {
  proxy.close();
  device.kill("SIGKILL");
  await ended;
  closeSync(memory);
});

const read = (register: number, size = 4): Promise<bigint> =>
  proxy.readBar({ address: BigInt(WINDOW + register), size, memory: true });
const write = (register: number, value: bigint, size = 4): Promise<void> =>
  proxy.writeBar({ address: BigInt(WINDOW + register), value, size, memory: true });

/** Two pages apart in the file, next to one another in the guest. */
async function share(): Promise<void> {
  const place = { sizeBytes: BigInt(PAGE), fd: memory };
  await proxy.shareMemory([
    { ...place, address: 0x2000n, offset: BigInt(4 * PAGE) },
    { ...place, address: 0x1000n, offset: 0n },
  ]);
}

async function copy(source: bigint, destination: bigint, lengthBytes: bigint): Promise<bigint> {
  await write(DMA.source, source, 8);
  await write(DMA.destination, destination, 8);
  await write(DMA.length, lengthBytes);
  await write(DMA.control, 1n);
  return read(DMA.status);
}

test("is probed as a device with one window, and keeps what is written to its scratch registers until a reset", async () => {
  const { vendorId, deviceId, regions } = await probeDevice(proxy);
  assert.equal([vendorId, deviceId, regions], [0x1234, 0xb0d0, [{ index: 0, kind: "memory", sizeBytes: PAGE }]]);
  assert.is(await read(MAGIC), 0x4452_4842n);
  await write(SCRATCH, 0x1122_3344_5566_7788n, 8);
  assert.is(await read(SCRATCH + 2, 2), 0x5566n);
  await write(MAGIC, 0n);
  assert.is(await read(MAGIC), 0x4452_4842n);
  await proxy.reset();
  assert.is(await read(SCRATCH, 4), 0xffff_ffffn);
});

test("copies guest memory across regions that touch, and nothing when a part of it is elsewhere", async () => {
  await share();
  writeSync(memory, Buffer.from("abcdefgh"), 0, 8, PAGE - 4);
  writeSync(memory, Buffer.from("EFGH"), 0, 4, 4 * PAGE);
  assert.is(await copy(0x1ffcn, 0x1000n, 8n), DONE);
  const bytes = Buffer.alloc(8);
  readSync(memory, bytes, 0, 8, 0);
  assert.is(bytes.toString(), "abcdEFGH");
  for (const [source, destination, length] of [
    [0x0fffn, 0x1000n, 8n],
    [0x1000n, 0x2ffcn, 8n],
    [2n ** 64n - 4n, 0x1000n, 8n],
    [0x1000n, 0x2000n, 0x10_0001n],
  ] as const) {
    assert.is(await copy(source, destination, length), FAILED, `${source} to ${destination}`);
  }
  await proxy.writeConfig({ address: 4, value: 2, length: 2 });
  assert.is(await copy(0x1000n, 0x2000n, 8n), FAILED, "no bus master");
});

test("raises its line by DMA and by hand, and again after a resample while it is high; counts what it received", async () => {
  const [irqFd, resampleFd] = [addon.makeEventfd(), addon.makeEventfd()];
  const heard = (): bigint => addon.takeEventfd({ fd: irqFd });
  await proxy.setInterrupt(irqFd, resampleFd);
  await write(LINE, 1n);
  await write(LINE, 1n);
  assert.is(heard(), 1n);
  addon.signalEventfd({ fd: resampleFd });
  while ((await read(RESAMPLES, 8)) === 0n);
  assert.is(heard(), 1n);
  await write(LINE, 0n);
  addon.signalEventfd({ fd: resampleFd });
  while ((await read(RESAMPLES, 8)) === 1n);
  assert.is(heard(), 0n);
  assert.is(await copy(0n, 0n, 8n), FAILED);
  assert.is(heard(), 1n);
  await write(DMA.status, FAILED);
  assert.is((await proxy.readConfig(6, 2)) & 8, 0);
  await write(DOORBELL, 5n);
  await write(DOORBELL, 6n, 8);
  assert.is(await read(DOORBELL, 8), 2n);
  await share();
  assert.is(await read(COUNTS, 8), 1n);
  assert.is(await read(COUNTS + 8 * 6, 8), 1n);
  assert.is(await read(FDS, 8), 4n);
  for (const fd of [irqFd, resampleFd]) closeSync(fd);
});

test("holds the two eventfds and no fd of memory, whatever was shared before", async () => {
  const eventfds = [addon.makeEventfd(), addon.makeEventfd()] as const;
  const held = (): number => readdirSync(`/proc/${device.pid}/fd`).length;
  const before = held();
  for (let time = 0; time < 3; time++) {
    await proxy.setInterrupt(...eventfds);
    await share();
  }
  await proxy.readConfig(0, 2);
  assert.is(held(), before + 2);
  for (const fd of eventfds) closeSync(fd);
});

test("ends with 0 when its VMM closes the channel", async () => {
  proxy.close();
  assert.is(await ended, "0");
});

/** A message as bytes, with so many fds of memory, and what the device says as it ends. */
const VIOLATIONS: readonly (readonly [what: string, hex: string, fds: number, said: string])[] = [
  ["an unknown command", "08000000 00000000 0000000000000000", 0, "cmd must be 0 to 7"],
  ["a ret", "01000000 00000000 0000000000000000", 0, "cmd must be a request, not ret"],
  ["another size", "07000000 00000000 0400000000000000", 0, "size must be what the command has"],
  ["a fd too many", "07000000 00000000 0000000000000000", 1, "fds must be as many as the command has"],
  ["sixty fds", "07000000 00000000 0000000000000000", 60, "fds must be at most 7"],
  ["5 bytes of configuration", "03000000 00000000 0c00000000000000 00000000 00000000 05000000", 0, "len must be 1, 2 or 4"],
  ["a register beyond", "03000000 00000000 0c00000000000000 fdffffff 00000000 04000000", 0, "addr must leave len bytes"],
  ["an empty region", `00000000 00000000 c000000000000000 ${"00".repeat(192)}`, 1, "a region's size must be a positive multiple"],
  [
    "a region beyond its file",
    `00000000 00000000 c000000000000000 ${"00".repeat(64)} 0090000000000000 ${"00".repeat(120)}`,
    1,
    "a region must end within its file",
  ],
];

for (const [what, hex, fds, said] of VIOLATIONS) {
  test(`${what}: says the rule and ends with 1`, async () => {
    const [near, far] = addon.socketPair();
    const broken = spawn(PROGRAM, [], { stdio: ["ignore", "ignore", "pipe", far], env: {} });
    closeSync(far);
    const data = Buffer.from(hex.replaceAll(" ", ""), "hex");
    addon.sendMessage({ socketFd: near, data, fds: Array(fds).fill(memory) });
    let answer = "";
    broken.stderr?.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    const code = await new Promise((resolve) => broken.on("close", resolve));
    closeSync(near);
    assert.match(answer, said);
    assert.is(code, 1);
  });
}

test("memory that can be cut off: says the rule and ends with 1", async () => {
  const unsealed = makeUnsealedMemory(8 * PAGE);
  await proxy.shareMemory([{ address: 0n, sizeBytes: BigInt(PAGE), offset: 0n, fd: unsealed }]);
  closeSync(unsealed);
  assert.is(await ended, "1 a region's file must be sealed against growing and shrinking");
});

test.run();
