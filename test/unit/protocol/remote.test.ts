import { closeSync, openSync } from "node:fs";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import {
  type BarWindow,
  type DeviceContext,
  DeviceProxy,
  type PciDevice,
  probeDevice,
  Remote,
} from "../../../src/protocol/index.js";
import { suite } from "../../support/harness.js";
import { countFds, countSharedMappings } from "../../support/protocol/open_files.js";

const test = suite("a device in TypeScript and its VMM");

const PAGE = 4096n;
const COMMAND = 0x04;
const BAR0 = 0x10;
const BAR1 = 0x14;
const IO_MEMORY_MASTER = 0x7;
const MEMORY_AT = 0xfeb00000;
const PORTS_AT = 0xc000;

/** Registers that remember; offset 0 raises the line by what is written, offset 8 copies a double word from there. */
function makeDevice({ memory, interrupt }: DeviceContext): PciDevice {
  const registers = Buffer.alloc(64);
  const window = (kind: "io" | "memory"): BarWindow => ({
    kind,
    sizeBytes: 64,
    read: (offset, size) =>
      BigInt(
        `0x${Buffer.from(registers.subarray(offset, offset + size))
          .reverse()
          .toString("hex")}`,
      ),
    write: (offset, size, value) => {
      for (let index = 0; index < size; index++) registers[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
      if (offset === 0) value === 0n ? interrupt.lower() : interrupt.raise();
      if (offset === 8) memory.read(value, 4).copy(registers, 16);
      if (offset === 24) memory.write(value, Buffer.from("from the device"));
    },
  });
  return {
    ids: { vendorId: 0x1234, deviceId: 0x5678, classCode: 0x088001, revision: 2, subsystemVendorId: 0x1af4, subsystemId: 0x1100 },
    bars: [window("memory"), window("io")],
    reset: () => registers.fill(0),
  };
}

interface Pair {
  readonly proxy: DeviceProxy;
  readonly remote: Remote;
  readonly faults: string[];
}

let fdsBefore = 0;
let mappingsBefore = 0;
let pair: Pair;

async function connect(): Promise<Pair> {
  const [near, far] = addon.socketPair();
  const faults: string[] = [];
  const remote = new Remote({ fd: far, device: makeDevice, onFault: ({ code }) => faults.push(code) });
  return { proxy: new DeviceProxy({ fd: near, name: "test" }), remote, faults };
}

async function place(proxy: DeviceProxy): Promise<void> {
  await proxy.writeConfig({ address: BAR0, value: MEMORY_AT, length: 4 });
  await proxy.writeConfig({ address: BAR1, value: PORTS_AT, length: 4 });
  await proxy.writeConfig({ address: COMMAND, value: IO_MEMORY_MASTER, length: 2 });
}

const readMemory = (offset: number, size = 4): Promise<bigint> =>
  pair.proxy.readBar({ address: BigInt(MEMORY_AT + offset), size, memory: true });
const writeMemory = (offset: number, value: bigint, size = 4): Promise<void> =>
  pair.proxy.writeBar({ address: BigInt(MEMORY_AT + offset), value, size, memory: true });

test.beforeEach(async () => {
  const first = await connect();
  first.proxy.close();
  assert.is(await first.remote.ended, null);
  fdsBefore = countFds();
  mappingsBefore = countSharedMappings();
  pair = await connect();
});
test.afterEach(async () => {
  pair.proxy.close();
  await pair.remote.ended;
  assert.is(countFds(), fdsBefore, "fds are left open");
  assert.is(countSharedMappings(), mappingsBefore, "memory is left mapped");
});

test("a probe as QEMU's proxy makes it tells ids and BARs, and leaves the BARs as they were", async () => {
  await place(pair.proxy);
  assert.equal(await probeDevice(pair.proxy), {
    vendorId: 0x1234,
    deviceId: 0x5678,
    classCode: 0x0880,
    subsystemId: 0x1100,
    regions: [
      { index: 0, kind: "memory", sizeBytes: 64 },
      { index: 1, kind: "io", sizeBytes: 64 },
    ],
  });
  assert.is(await pair.proxy.readConfig(BAR0, 4), MEMORY_AT);
  assert.is(await pair.proxy.readConfig(BAR1, 4), PORTS_AT | 1);
  assert.is(await pair.proxy.readConfig(8, 4), 0x08800102);
});

test("configuration space keeps what cannot be written, byte by byte", async () => {
  await pair.proxy.writeConfig({ address: 0, value: 0, length: 4 });
  assert.is(await pair.proxy.readConfig(0, 4), 0x56781234);
  await pair.proxy.writeConfig({ address: COMMAND, value: 0xffff_ffff, length: 4 });
  assert.is(await pair.proxy.readConfig(COMMAND, 4), 0x0547);
  await pair.proxy.writeConfig({ address: 0x3c, value: 0x1122_330b, length: 4 });
  assert.is(await pair.proxy.readConfig(0x3c, 4), 0x0000_010b);
  await pair.proxy.writeConfig({ address: 0x3c, value: 0x5, length: 1 });
  assert.is(await pair.proxy.readConfig(0x3c, 2), 0x0105);
  assert.is(await pair.proxy.readConfig(255, 1), 0);
});

test("a BAR answers where it was placed, once the command register lets it, in memory or ports", async () => {
  assert.is(await readMemory(32), 0xffff_ffffn);
  await pair.proxy.writeConfig({ address: COMMAND, value: IO_MEMORY_MASTER, length: 2 });
  assert.is(await pair.proxy.readBar({ address: 32n, size: 4, memory: true }), 0xffff_ffffn, "a BAR that was not placed is at 0");
  await place(pair.proxy);
  await writeMemory(32, 0x1122_3344_5566_7788n, 8);
  assert.is(await readMemory(36), 0x1122_3344n);
  assert.is(await pair.proxy.readBar({ address: BigInt(PORTS_AT + 33), size: 2, memory: false }), 0x6677n);
  assert.is(await pair.proxy.readBar({ address: BigInt(PORTS_AT + 33), size: 2, memory: true }), 0xffffn);
  assert.is(await readMemory(60, 8), 2n ** 64n - 1n);
  assert.is(await readMemory(-4), 0xffff_ffffn);
  await pair.proxy.writeConfig({ address: BAR0, value: MEMORY_AT + 0x1000, length: 4 });
  assert.is(await readMemory(36), 0xffff_ffffn);
  assert.is(await readMemory(0x1024), 0x1122_3344n);
});

test("DMA reaches shared memory only, and only of a bus master", async () => {
  const file = addon.makeSealedMemory({ name: "test", sizeBytes: 2n * PAGE });
  const mapping = new addon.SharedMapping({ fd: file, offset: 0n, sizeBytes: 2n * PAGE });
  await pair.proxy.shareMemory([{ address: 0x10_0000n, sizeBytes: PAGE, offset: PAGE, fd: file }]);
  closeSync(file);
  mapping.store({ offset: PAGE + 0x20n, width: 4, value: 0xcafe_f00dn });
  await place(pair.proxy);
  await writeMemory(8, 0x10_0020n, 8);
  assert.is(await readMemory(16), 0xcafe_f00dn);
  await writeMemory(24, 0x10_0100n, 8);
  const bytes = Buffer.alloc(15);
  mapping.read({ offset: PAGE + 0x100n, bytes });
  assert.is(bytes.toString(), "from the device");
  await writeMemory(8, 0x10_0ffen, 8);
  await writeMemory(8, 0x20n, 8);
  assert.equal(pair.faults, ["memory-outside", "memory-outside"]);
  await pair.proxy.writeConfig({ address: COMMAND, value: 0x3, length: 2 });
  await writeMemory(8, 0x10_0020n, 8);
  assert.equal(pair.faults.slice(2), ["dma-disabled"]);
  mapping.close();
});

test("the line: heard of once when it rises, again after a resample while it is high, and not when it is low or masked", async () => {
  const [irqFd, resampleFd] = [addon.makeEventfd(), addon.makeEventfd()];
  const heard = (): bigint => addon.takeEventfd({ fd: irqFd });
  await pair.proxy.setInterrupt(irqFd, resampleFd);
  await place(pair.proxy);
  await writeMemory(0, 1n);
  await writeMemory(0, 1n);
  assert.is(heard(), 1n);
  assert.is((await pair.proxy.readConfig(6, 2)) & 8, 8);
  const resample = async (): Promise<bigint> => {
    addon.signalEventfd({ fd: resampleFd });
    // Two round trips: the loop has seen the eventfd by then.
    for (let turn = 0; turn < 2; turn++) await pair.proxy.readConfig(0, 2);
    return heard();
  };
  assert.is(await resample(), 1n);
  await writeMemory(0, 0n);
  assert.is(await resample(), 0n);
  await pair.proxy.writeConfig({ address: COMMAND, value: IO_MEMORY_MASTER | 0x400, length: 2 });
  await writeMemory(0, 1n);
  assert.is(heard(), 0n);
  await pair.proxy.writeConfig({ address: COMMAND, value: IO_MEMORY_MASTER, length: 2 });
  assert.is(heard(), 1n);
  const other = addon.makeEventfd();
  await pair.proxy.setInterrupt(other, resampleFd);
  await pair.proxy.readConfig(0, 2);
  assert.is(addon.takeEventfd({ fd: other }), 1n, "who binds a line that is high hears of it");
  await pair.proxy.reset();
  assert.is(await resample(), 0n);
  for (const fd of [irqFd, resampleFd, other]) closeSync(fd);
});

test("a reset puts registers, line and configuration space back, and is answered without a value", async () => {
  await place(pair.proxy);
  await writeMemory(0, 1n);
  await writeMemory(32, 7n);
  await pair.proxy.reset();
  assert.is(await pair.proxy.readConfig(COMMAND, 4), 0);
  assert.is(await pair.proxy.readConfig(BAR0, 4), 0);
  await place(pair.proxy);
  assert.is(await readMemory(32), 0n);
});

for (const [what, open] of [
  ["/dev/null", () => openSync("/dev/null", "r+")],
  ["a pidfd, which has no file system either,", () => addon.openPidfd({ pid: process.pid })],
  ["memory", () => addon.makeSealedMemory({ name: "guest", sizeBytes: 4096n })],
] as const) {
  test(`an irqfd that is no eventfd ends the channel: ${what}`, async () => {
    const [eventfd, file] = [addon.makeEventfd(), open()];
    await pair.proxy.setInterrupt(eventfd, file);
    for (const fd of [eventfd, file]) closeSync(fd);
    assert.match((await pair.remote.ended)?.message ?? "", /resamplefd is a file .*; it must be an eventfd/);
    assert.is(await pair.proxy.ended, null);
  });
}

test("memory that can be cut off ends the channel", async () => {
  const file = openSync("/dev/zero", "r+");
  await pair.proxy.shareMemory([{ address: 0n, sizeBytes: PAGE, offset: 0n, fd: file }]);
  closeSync(file);
  assert.is((await pair.remote.ended)?.code, "memory-unsealed");
});

test("requests are answered in the order in which they were asked", async () => {
  await place(pair.proxy);
  const values = Array.from({ length: 50 }, (_, index) => BigInt(index));
  const reads = values.map(async (value) => {
    const written = writeMemory(40, value);
    const read = readMemory(40);
    await written;
    return read;
  });
  assert.equal(await Promise.all(reads), values);
});

test.run();
