import * as assert from "uvu/assert";
import { KvmRig, MAIN_BYTES, MOVABLE_BYTES, SLOT } from "../../src/compliance/kvm_rig/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { RigDevice } from "../support/rig_device.js";

const test = suite("DMA of a confined device process in a KVM guest's memory", {
  needs: ["root", "user-namespaces", "kvm"],
  timeoutMs: 60_000,
});

let fixture: MachineFixture;
let rig: KvmRig;
let device: RigDevice;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());
test.beforeEach(async () => {
  rig = await KvmRig.start(0);
  device = await RigDevice.start(fixture, vmName("test-rig-memory"));
  await device.place();
  await device.shareMemory(rig);
  await rig.run();
});
test.afterEach(async () => {
  await rig.end();
  await device.end();
});

test("DMA: what the device writes the guest reads, and the other way round, at the edges of regions and across them", async () => {
  const end = MAIN_BYTES + MOVABLE_BYTES;
  await rig.fill(0x2_0000, 16, 0x5a);
  for (const place of [MAIN_BYTES - 16, MAIN_BYTES - 8, MAIN_BYTES, end - 16]) {
    assert.ok(await device.copy(0x2_0000, place, 16), place.toString(16));
    assert.is(await rig.sum(place, 16), 16 * 0x5a, place.toString(16));
    await rig.fill(place, 16, 3);
    assert.ok(await device.copy(place, 0x3_0000, 16));
    assert.is(await rig.sum(0x3_0000, 16), 16 * 3);
  }
  assert.not.ok(await device.copy(0x2_0000, end - 8, 16), "beyond the last region");
  assert.is(await rig.sum(end - 16, 16), 16 * 3, "and nothing of it is written");
});

test("DMA after a region has moved: the device reaches it at its new place, and nothing at the old one", async () => {
  const moved = MAIN_BYTES + MOVABLE_BYTES;
  await rig.fill(0x2_0000, 16, 0x21);
  assert.ok(await device.copy(0x2_0000, MAIN_BYTES, 16));
  await rig.order(`slot ${SLOT.movable} ${moved} ${MOVABLE_BYTES} ${MAIN_BYTES}`);
  await device.shareMemory(rig, moved);
  assert.is(await rig.sum(moved, 16), 16 * 0x21, "its content moved with it");
  assert.not.ok(await device.copy(0x2_0000, MAIN_BYTES, 16));
  await rig.fill(0x2_0000, 16, 0x42);
  assert.ok(await device.copy(0x2_0000, moved + MOVABLE_BYTES - 16, 16));
  assert.is(await rig.sum(moved + MOVABLE_BYTES - 16, 16), 16 * 0x42);
});

test.run();
