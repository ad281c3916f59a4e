import { closeSync } from "node:fs";
import * as assert from "uvu/assert";
import { dmaEngine } from "../../../examples/dma_engine/dma_engine.js";
import type { BulkheadError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import {
  type DeviceContext,
  DeviceProxy,
  describeMessage,
  formatRecord,
  type PciDevice,
  parseRecording,
  probeDevice,
  type RecordedMessage,
  Remote,
  replayRecording,
} from "../../../src/protocol/index.js";
import { suite } from "../../support/harness.js";
import { countFds } from "../../support/protocol/open_files.js";

const test = suite("recordings");

const WINDOW = 0xfeb0_0000;

/** A device and a proxy to it, while `use` runs. */
async function withDevice<T>(
  device: (context: DeviceContext) => PciDevice,
  use: (proxy: DeviceProxy) => Promise<T>,
): Promise<{ readonly result: T; readonly records: readonly RecordedMessage[] }> {
  const [near, far] = addon.socketPair();
  const records: RecordedMessage[] = [];
  const remote = new Remote({ fd: far, device });
  const onTraffic = (_: string, message: RecordedMessage["message"], fdCount: number) => void records.push({ message, fdCount });
  const proxy = new DeviceProxy({ fd: near, name: "recorded", onTraffic });
  try {
    return { result: await use(proxy), records };
  } finally {
    proxy.close();
    await remote.ended;
  }
}

async function exercise(proxy: DeviceProxy): Promise<void> {
  const memory = addon.makeSealedMemory({ name: "guest", sizeBytes: 8192n });
  await proxy.shareMemory([{ address: 0x1000n, sizeBytes: 4096n, offset: 4096n, fd: memory }]);
  const [irqFd, resampleFd] = [addon.makeEventfd(), addon.makeEventfd()];
  await proxy.setInterrupt(irqFd, resampleFd);
  for (const fd of [memory, irqFd, resampleFd]) closeSync(fd);
  await probeDevice(proxy);
  await proxy.writeConfig({ address: 0x10, value: WINDOW, length: 4 });
  await proxy.writeConfig({ address: 4, value: 6, length: 2 });
  const put = (register: number, value: bigint) =>
    proxy.writeBar({ address: BigInt(WINDOW + register), value, size: 4, memory: true });
  for (const [register, value] of [
    [0x00, 0x1000n],
    [0x08, 0x1800n],
    [0x10, 16n],
    [0x14, 1n],
  ] as const)
    await put(register, value);
  assert.is(await proxy.readBar({ address: BigInt(WINDOW + 0x18), size: 4, memory: true }), 1n);
  await proxy.reset();
}

test("what a device answered is what it answers again; another device's difference is found", async () => {
  const { records } = await withDevice(dmaEngine, exercise);
  const text = records.map((record) => `${formatRecord(record)}\n`).join("");
  const read = parseRecording(text, "run.jsonl");
  assert.equal(read, records);
  const before = countFds();
  const same = await withDevice(dmaEngine, (proxy) => replayRecording(read, proxy));
  assert.equal(same.result, []);
  const other = (context: DeviceContext): PciDevice => {
    const engine = dmaEngine(context);
    return { ...engine, ids: { ...engine.ids, deviceId: 0x1101 } };
  };
  const { result } = await withDevice(other, (proxy) => replayRecording(read, proxy));
  assert.equal(result, [{ index: 4, request: "config-read 0x2 2 bytes", recorded: "ret 0x1100", answered: "ret 0x1101" }]);
  assert.is(countFds(), before, "memory or eventfds of the replay are left open");
});

const RESET = '{"command":"device-reset","fds":0,"bytes":"07000000000000000000000000000000"}';

const MALFORMED: readonly (readonly [what: string, line: string, said: string])[] = [
  ["no JSON", "{", "Cannot read run.jsonl:2"],
  ["no bytes", '{"command":"ret","fds":0}', "it has no fds or no bytes"],
  ["half a header", '{"command":"ret","fds":0,"bytes":"01"}', "it has no whole header"],
  ["another command's bytes", RESET.replace("device-reset", "ret"), "its bytes are those of device-reset"],
  ["bytes too many", RESET.replace('00"}', '0000"}'), "1 bytes follow a header of 0"],
  ["fds that it cannot have", RESET.replace('"fds":0', '"fds":9'), "fds is 9"],
];

for (const [what, line, said] of MALFORMED) {
  test(`a recording with ${what}: refused, with the line's number`, () => {
    try {
      parseRecording(`${RESET}\n${line}\n`, "run.jsonl");
    } catch (error) {
      assert.is((error as BulkheadError).code, "recording-malformed");
      assert.is((error as BulkheadError).subject, "run.jsonl:2");
      assert.match((error as BulkheadError).message, said);
      return;
    }
    throw new Error("it was accepted");
  });
}

test("messages in words", () => {
  const access = { address: 0xfeb00014n, value: 1n, size: 4, memory: true };
  assert.is(describeMessage({ command: "bar-write", ...access }), "bar-write memory 0xfeb00014 4 bytes: 0x1");
  assert.is(describeMessage({ command: "bar-read", ...access, memory: false }), "bar-read port 0xfeb00014 4 bytes");
  const regions = [{ address: 0n, sizeBytes: 4096n, offset: 8192n }];
  assert.is(describeMessage({ command: "sync-sysmem", regions }), "sync-sysmem 0x0+0x1000@0x2000");
});

test.run();
