import { closeSync } from "node:fs";
import * as assert from "uvu/assert";
import { addon } from "../../src/kernel/index.js";
import { DeviceProxy, probeDevice } from "../../src/protocol/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { startConfinedDevice } from "../support/protocol/confined_device.js";

const test = suite("the reference device, confined", { needs: ["root", "user-namespaces"], timeoutMs: 20_000 });

const WINDOW = 0xfeb0_0000;

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

test("its role lets it do all that it does: memory, DMA, interrupts, resampling, a reset, an orderly end", async () => {
  const device = await startConfinedDevice(fixture, vmName("test-reference"));
  const proxy = new DeviceProxy({ fd: device.channelFd, name: "reference" });
  const write = (register: number, value: bigint, size = 4): Promise<void> =>
    proxy.writeBar({ address: BigInt(WINDOW + register), value, size, memory: true });
  const read = (register: number): Promise<bigint> =>
    proxy.readBar({ address: BigInt(WINDOW + register), size: 4, memory: true });
  const memory = addon.makeSealedMemory({ name: "guest", sizeBytes: 8192n });
  const [irqFd, resampleFd] = [addon.makeEventfd(), addon.makeEventfd()];
  assert.is((await probeDevice(proxy)).deviceId, 0xb0d0);
  await proxy.writeConfig({ address: 0x10, value: WINDOW, length: 4 });
  await proxy.writeConfig({ address: 4, value: 6, length: 2 });
  for (let time = 0; time < 2; time++) {
    await proxy.shareMemory([{ address: 0n, sizeBytes: 8192n, offset: 0n, fd: memory }]);
    await proxy.setInterrupt(irqFd, resampleFd);
  }
  await write(0x48, 4096n, 8);
  await write(0x50, 16n);
  await write(0x54, 1n);
  assert.is(await read(0x58), 1n);
  assert.is(addon.takeEventfd({ fd: irqFd }), 1n);
  addon.signalEventfd({ fd: resampleFd });
  while ((await read(0x148)) === 0n);
  await proxy.reset();
  proxy.close();
  assert.equal(await device.ended, { exitCode: 0, signal: null });
  for (const fd of [memory, irqFd, resampleFd]) closeSync(fd);
  await device.remove();
  assert.equal(fixture.leftovers(), []);
});

test("a VMM that breaks the protocol ends it with 1, not by its filter", async () => {
  const device = await startConfinedDevice(fixture, vmName("test-reference"));
  const sockets = addon.socketPair();
  addon.sendMessage({ socketFd: device.channelFd, data: Buffer.from([8, ...Array(15).fill(0)]), fds: sockets });
  assert.equal(await device.ended, { exitCode: 1, signal: null });
  for (const fd of [...sockets, device.channelFd]) closeSync(fd);
  await device.remove();
});

test.run();
