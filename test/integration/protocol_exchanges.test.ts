import { closeSync, readSync, writeSync } from "node:fs";
import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot, qemuRoot } from "../../src/compliance/lab/index.js";
import type { BulkheadError } from "../../src/errors/index.js";
import { addon } from "../../src/kernel/index.js";
import { DeviceProxy } from "../../src/protocol/index.js";
import { suite } from "../support/harness.js";
import { LsiScript, SCRATCH_A } from "../support/protocol/lsi_script.js";
import { type QemuRemote, startQemuRemote } from "../support/protocol/qemu_remote.js";

const test = suite("a real device, driven through our proxy", { needs: ["root", "lab"], timeoutMs: 15_000 });

const PAGE = 4096;
const FILE_PAGES = 16;
/** Guest physical addresses of two regions, far apart, and where in the file they lie. */
const LOW = { address: 0x1000, filePage: 2 };
const HIGH = { address: 0x10_0000, filePage: 5 };
const PROGRAM_AT = LOW.address;
const DATA_AT = LOW.address + 0x800;

const roots = new Map<QemuGeneration, QemuRoot>();
let remote: QemuRemote;
let proxy: DeviceProxy;
let device: LsiScript;
let memory = -1;

test.before(async () => {
  for (const generation of QEMU_GENERATIONS) roots.set(generation, await qemuRoot(generation, { progress: () => undefined }));
});

async function begin(generation: QemuGeneration): Promise<void> {
  remote = await startQemuRemote(roots.get(generation) as QemuRoot, "lsi53c895a");
  proxy = new DeviceProxy({ fd: remote.channelFd, name: "lsi" });
  device = new LsiScript(proxy);
  memory = addon.makeSealedMemory({ name: "guest", sizeBytes: BigInt(FILE_PAGES * PAGE) });
  await device.place();
}

async function end(): Promise<void> {
  proxy.close();
  closeSync(memory);
  assert.is((await remote.ended).exitCode, 0);
}

function share(...places: readonly { readonly address: number; readonly filePage: number }[]): Promise<void> {
  return proxy.shareMemory(
    places.map(({ address, filePage }) => ({
      ...{ address: BigInt(address), sizeBytes: BigInt(PAGE), offset: BigInt(filePage * PAGE), fd: memory },
    })),
  );
}

function put(bytes: Buffer, place: { readonly filePage: number }, offset = 0): void {
  writeSync(memory, bytes, 0, bytes.length, place.filePage * PAGE + offset);
}

function get(lengthBytes: number, place: { readonly filePage: number }, offset = 0): string {
  const bytes = Buffer.alloc(lengthBytes);
  readSync(memory, bytes, 0, lengthBytes, place.filePage * PAGE + offset);
  return bytes.toString();
}

for (const generation of QEMU_GENERATIONS) {
  test(`QEMU ${generation}: registers keep their values until a reset`, async () => {
    await begin(generation);
    await device.write(SCRATCH_A, 4, 0x1122_3344);
    assert.is(await device.read(SCRATCH_A, 4), 0x1122_3344n);
    assert.is(await device.read(SCRATCH_A + 1, 2), 0x2233n);
    await proxy.reset();
    await device.place();
    assert.is(await device.read(SCRATCH_A, 4), 0n);
    await end();
  });

  test(`QEMU ${generation}: the device copies between regions up to their edges, and after one has moved`, async () => {
    await begin(generation);
    await share(LOW, HIGH);
    put(Buffer.from("sixteen bytes..!"), LOW, DATA_AT - LOW.address);
    put(LsiScript.program({ from: DATA_AT, to: HIGH.address + PAGE - 16, lengthBytes: 16 }), LOW);
    await device.run(PROGRAM_AT);
    assert.is(get(16, HIGH, PAGE - 16), "sixteen bytes..!");
    const moved = { address: 0x80_0000, filePage: 9 };
    await share(LOW, moved);
    put(LsiScript.program({ from: DATA_AT, to: moved.address, lengthBytes: 16 }), LOW);
    await device.run(PROGRAM_AT);
    assert.is(get(16, moved), "sixteen bytes..!");
    await end();
  });

  test(`QEMU ${generation}: the irqfd is written when the level rises, and after a resample only while it is high`, async () => {
    await begin(generation);
    const [irqFd, resampleFd] = [addon.makeEventfd(), addon.makeEventfd()];
    await proxy.setInterrupt(irqFd, resampleFd);
    await share(LOW);
    put(LsiScript.program({ from: DATA_AT, to: DATA_AT, lengthBytes: 4 }), LOW);
    assert.is(addon.takeEventfd({ fd: irqFd }), 0n);
    await device.run(PROGRAM_AT);
    assert.ok(await device.interruptPending());
    assert.is(addon.takeEventfd({ fd: irqFd }), 1n);
    addon.signalEventfd({ fd: resampleFd });
    assert.is(await heard(irqFd), 1n);
    await device.readStatus();
    assert.not(await device.interruptPending());
    addon.signalEventfd({ fd: resampleFd });
    assert.is(await heard(irqFd), 0n);
    for (const fd of [irqFd, resampleFd]) closeSync(fd);
    await end();
  });
}

/** What the device has written once it has looked at its resamplefd, which it does between two requests. */
async function heard(irqFd: number): Promise<bigint> {
  for (let turn = 0; turn < 20; turn++) {
    await device.interruptPending();
    const count = addon.takeEventfd({ fd: irqFd });
    if (count > 0n) return count;
  }
  return 0n;
}

test("a device process that is stopped is an error within the deadline, and its channel is closed", async () => {
  remote = await startQemuRemote(roots.get("7.2") as QemuRoot, "lsi53c895a");
  proxy = new DeviceProxy({ fd: remote.channelFd, name: "lsi", deadlineMs: 3000 });
  await proxy.readConfig(0, 2);
  remote.kill("SIGSTOP");
  const error = await proxy.readConfig(0, 2).then(
    () => null,
    (refusal: BulkheadError) => refusal,
  );
  assert.is(error?.code, "device-silent");
  assert.match(error?.message ?? "", "no answer to config-read within 3000 ms");
  remote.kill("SIGCONT");
  // It goes on and finds nobody to answer, which QEMU 7.2 to 11.1 do not survive: error_prepend() of an error that is not there.
  assert.is((await remote.ended).signal, "SIGSEGV");
});

test.run();
