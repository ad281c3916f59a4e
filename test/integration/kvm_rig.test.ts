import * as assert from "uvu/assert";
import { DOORBELL, FIRST_VECTOR, KvmRig, MAIN_BYTES } from "../../src/compliance/kvm_rig/index.js";
import { addon } from "../../src/kernel/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { pendingOf, RigDevice } from "../support/rig_device.js";
import { waitUntil } from "../support/run_command.js";

const test = suite("KVM's fast paths to a confined device process", {
  needs: ["root", "user-namespaces", "kvm"],
  timeoutMs: 60_000,
});

/** A pin of the IO-APIC that no device of a PC has, its GSI, and others. */
const [PIN, OTHER_PIN, MESSAGE_GSI] = [20, 21, 24];
const [VECTOR, OTHER_VECTOR, THIRD_VECTOR] = [FIRST_VECTOR, FIRST_VECTOR + 1, FIRST_VECTOR + 2];
/** Eventfds of a rig, by what they are for. */
const [IRQ, RESAMPLE, RING, SECOND_IRQ, SECOND_RESAMPLE] = [0, 1, 2, 3, 4];
const EVENTFDS = 5;
/** errno-base.h: what KVM answers a process that the VM is not of. */
const EIO = 5;
const RINGS = 1000;

let fixture: MachineFixture;
let rig: KvmRig;
let devices: RigDevice[];
const fd = (index: number): number => KvmRig.fdInRig(index);

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());
test.beforeEach(async () => {
  rig = await KvmRig.start(EVENTFDS);
  devices = [];
});
test.afterEach(async () => {
  await rig.end();
  for (const device of devices) await device.end();
});

async function addDevice(): Promise<RigDevice> {
  const device = await RigDevice.start(fixture, vmName(`test-rig-${devices.length}`));
  devices.push(device);
  await device.place();
  await device.shareMemory(rig);
  return device;
}

/** The interrupt by level, as a VMM binds it for INTx. */
async function bindByLevel(irq: number = IRQ, resample: number = RESAMPLE, pin: number = PIN): Promise<void> {
  await rig.order(`irq ${fd(irq)} ${pin} ${fd(resample)}`);
}

const takes = (count: number, vector?: number): Promise<void> =>
  waitUntil(() => rig.taken(vector) >= count, `interrupt ${count} of vector ${vector ?? "any"}`);

test("KVM refuses the VM and its CPU to any other process, and answers EIO", async () => {
  assert.is(await rig.order("foreign"), EIO);
});

for (const [kind, order, where] of [
  ["port", "ring-port", `port ${DOORBELL.port} 2`],
  ["memory", "ring-memory", `memory ${DOORBELL.memory} 4`],
] as const) {
  test(`ioeventfd, ${kind}: the guest's write wakes the device process, and the VMM's CPU never comes to user space`, async () => {
    const device = await addDevice();
    await device.setInterrupt(rig, { irq: IRQ, wake: RING });
    await rig.order(`ring ${where} ${fd(RING)}`);
    await rig.run();
    await rig.guest(order, RINGS);
    await waitUntil(async () => (await device.resamples()) > 0n, "the device's wake-up");
    assert.is(await rig.order("exits"), 0);
    await rig.order(`unring ${where} ${fd(RING)}`);
    await rig.guest(order, RINGS);
    assert.is(await rig.order("exits"), RINGS, "without it each write is an exit");
  });
}

test("irqfd and doorbell: device and guest answer one another a thousand times, and no code of the VMM runs", async () => {
  const device = await addDevice();
  // The device answers each ring of the guest with an interrupt while its line is high.
  await device.setInterrupt(rig, { irq: IRQ, wake: RING });
  await device.raise(true);
  await rig.order(`ring port ${DOORBELL.port} 2 ${fd(RING)}`);
  await rig.run();
  await rig.order(`message ${MESSAGE_GSI} ${VECTOR}`);
  await rig.order(`irq ${fd(IRQ)} ${MESSAGE_GSI} -1`);
  // The level was raised before the irqfd led anywhere, and KVM takes what an eventfd holds.
  await takes(1);
  const before = rig.taken();
  await rig.guest("time-round-trip", RINGS);
  assert.is(rig.taken() - before, RINGS);
  assert.is(await rig.order("exits"), 0);
});

test("irqfd: a guest that has halted is woken by the device process", async () => {
  const device = await addDevice();
  await device.setInterrupt(rig, { irq: IRQ, wake: RESAMPLE });
  await rig.order(`vector ${PIN} ${VECTOR}`);
  await bindByLevel();
  await rig.run();
  rig.begin("halt", rig.taken());
  await device.raise(true);
  await rig.done("halt");
  await device.raise(false);
  assert.is(await rig.order("exits"), 0);
});

test("resample: while the level is held each end of interrupt raises it again; lowered, it is quiet", async () => {
  const device = await addDevice();
  await device.setInterrupt(rig, { irq: IRQ, wake: RESAMPLE });
  await rig.order(`vector ${PIN} ${VECTOR}`);
  await bindByLevel();
  await rig.run();
  await device.raise(true);
  await takes(3, VECTOR);
  await device.raise(false);
  await quiet();
  assert.ok((await device.resamples()) >= 3n);
  assert.is(await rig.order("exits"), 0);
});

/** No interrupt comes any more. */
async function quiet(): Promise<void> {
  let last = -1;
  await waitUntil(async () => {
    const before = last;
    last = rig.taken();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return rig.taken() === last && before === last;
  }, "silence");
}

test("resample, two devices on one line: each hears of every end of interrupt, and the line falls with the last of the two", async () => {
  const [first, second] = [await addDevice(), await addDevice()];
  await first.setInterrupt(rig, { irq: IRQ, wake: RESAMPLE });
  await second.setInterrupt(rig, { irq: SECOND_IRQ, wake: SECOND_RESAMPLE });
  await rig.order(`vector ${PIN} ${VECTOR}`);
  await bindByLevel();
  await bindByLevel(SECOND_IRQ, SECOND_RESAMPLE);
  await rig.run();
  await first.raise(true);
  await takes(1);
  await second.raise(true);
  await first.raise(false);
  const shared = rig.taken();
  await takes(shared + 3);
  await second.raise(false);
  await quiet();
  for (const device of [first, second]) assert.ok((await device.resamples()) >= 3n);
  await first.raise(true);
  await takes(rig.taken() + 1);
});

test("a route changed while the guest runs: the device's next interrupt comes by the new one, with nothing told to the device", async () => {
  const device = await addDevice();
  await device.setInterrupt(rig, { irq: IRQ, wake: RESAMPLE });
  await rig.order(`vector ${PIN} ${VECTOR}`);
  await rig.order(`vector ${OTHER_PIN} ${OTHER_VECTOR}`);
  await bindByLevel();
  await rig.run();
  await device.raise(true);
  await takes(1, VECTOR);
  // While the level is held. Unbound first, or the old pin would stay high; and as the device raised its level once and for all, it
  // is told, as by an end of interrupt, to raise it again.
  await rig.order(`unirq ${fd(IRQ)} ${PIN} -1`);
  await rig.order(`pin ${PIN} ${OTHER_PIN}`);
  await bindByLevel();
  addon.signalEventfd({ fd: rig.eventfd(RESAMPLE) });
  await takes(1, OTHER_VECTOR);
  await device.raise(false);
  await quiet();
  const before = rig.taken(VECTOR);
  await device.raise(true);
  await takes(rig.taken(OTHER_VECTOR) + 1, OTHER_VECTOR);
  await device.raise(false);
  assert.is(rig.taken(VECTOR), before);
});

test("MSI: an irqfd bound to a message raises its vector, and another as soon as the message is changed", async () => {
  const device = await addDevice();
  await device.setInterrupt(rig, { irq: IRQ, wake: RESAMPLE });
  await rig.order(`message ${MESSAGE_GSI} ${OTHER_VECTOR}`);
  await rig.order(`irq ${fd(IRQ)} ${MESSAGE_GSI} -1`);
  await rig.run();
  for (const vector of [OTHER_VECTOR, THIRD_VECTOR]) {
    await rig.order(`message ${MESSAGE_GSI} ${vector}`);
    await device.raise(true);
    await takes(1, vector);
    await device.raise(false);
    await quiet();
    assert.is(rig.taken(vector), 1, "an edge, not a level");
  }
  assert.is(rig.taken(OTHER_VECTOR), 1);
  assert.is(await rig.order("exits"), 0);
});

/** The life of a device in order; the device dies after each, in a machine of its own. */
const LIFE: readonly (readonly [string, (device: RigDevice) => Promise<unknown>])[] = [
  ["it was placed", (device) => device.place()],
  ["it was given memory", (device) => device.shareMemory(rig)],
  ["it was given its interrupt", (device) => device.setInterrupt(rig, { irq: IRQ, wake: RESAMPLE })],
  ["it copied memory", (device) => device.copy(0x2_0000, MAIN_BYTES, 16)],
  ["its line rose", (device) => device.raise(true)],
  ["its interrupt was taken", () => takes(1)],
];

test("a device that dies between any two steps: its VMM is told, the guest runs on, and another takes its place", async () => {
  await rig.order(`vector ${PIN} ${VECTOR}`);
  await bindByLevel();
  await rig.order(`ring port ${DOORBELL.port} 2 ${fd(RING)}`);
  await rig.run();
  for (let steps = 0; steps <= LIFE.length; steps += 1) {
    const device = await RigDevice.start(fixture, vmName("test-rig-mortal"));
    for (const [what, step] of LIFE.slice(0, steps))
      await step(device).catch((error: Error) => assert.unreachable(`${what}: ${error.message}`));
    await device.settle();
    await device.die();
    await expectRefusal(device);
    const before = rig.heartbeat;
    await waitUntil(() => rig.heartbeat > before, "the guest's heartbeat");
    // Its doorbell rings for whoever comes next, and never stops the guest.
    await rig.guest("ring-port", 1);
    assert.is(pendingOf(rig, RING), 1n);
  }
  assert.is(await rig.order("exits"), 0);
  const heir = await addDevice();
  await heir.setInterrupt(rig, { irq: IRQ, wake: RESAMPLE });
  await heir.raise(true);
  await takes(rig.taken() + 1);
  await heir.raise(false);
});

async function expectRefusal(device: RigDevice): Promise<void> {
  const answer = await device.settle().then(
    () => "answered",
    (error: Error & { code?: string }) => error.code,
  );
  assert.ok(answer === "device-gone" || answer === "channel-closed", String(answer));
}

test.run();
