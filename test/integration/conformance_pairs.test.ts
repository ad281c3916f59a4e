import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot } from "../../src/compliance/lab/index.js";
import { type ConformanceResult, type DeviceProcess, ProxyDriver, playExchanges, QtestDriver } from "../../src/protocol/index.js";
import { suite } from "../support/harness.js";
import {
  OUR_DEVICES,
  type OurDevice,
  qemuRoots,
  startOurDevice,
  startQemuDevice,
} from "../support/protocol/conformance_subjects.js";
import { documentedFailures, failuresOf } from "../support/protocol/documented_findings.js";
import { DEVICE_SLOT, GUEST_MEMORY_BYTES, startQtestVmm } from "../support/protocol/qtest_vmm.js";

/** Twenty pairs, each some 300 ms. */
const test = suite("every VMM and every device, by the same exchanges", { needs: ["root", "lab", "kvm"], timeoutMs: 15_000 });

let roots: ReadonlyMap<QemuGeneration, QemuRoot>;
test.before(async () => {
  roots = await qemuRoots();
});

const rootOf = (generation: QemuGeneration): QemuRoot => roots.get(generation) as QemuRoot;
const startLsi = (generation: QemuGeneration): Promise<DeviceProcess> => startQemuDevice(rootOf(generation), "lsi53c895a");

/** Through our proxy. The device ends with its channel. */
async function playWithProxy(device: DeviceProcess): Promise<ConformanceResult[]> {
  const vmm = await ProxyDriver.open({ fd: device.channelFd, name: "device" });
  try {
    const results = await playExchanges(async () => vmm);
    vmm.close();
    assert.is((await device.ended).exitCode, 0);
    return results;
  } finally {
    device.kill();
  }
}

/** Through QEMU's proxy, driven by qtest. */
async function playWithQemu(generation: QemuGeneration, device: DeviceProcess): Promise<ConformanceResult[]> {
  const vmm = await startQtestVmm(rootOf(generation), device.channelFd);
  try {
    const driver = new QtestDriver(vmm.command, { slot: DEVICE_SLOT, memoryBytes: GUEST_MEMORY_BYTES });
    const results = await playExchanges(async () => driver);
    await vmm.end();
    assert.is((await device.ended).exitCode, 0);
    return results;
  } finally {
    vmm.kill("SIGKILL");
    device.kill();
  }
}

/** So that a suite which plays nothing is not green. */
function played(results: readonly ConformanceResult[]): number {
  return results.filter(({ verdict }) => verdict !== "inapplicable").length;
}

const ALL = 21;
/** What QEMU's VMM cannot be made to: show its eventfds, and place memory elsewhere. */
const WITHOUT_OURS = 4;

for (const device of Object.keys(OUR_DEVICES) as OurDevice[]) {
  test(`our proxy and our ${device}: every exchange`, async () => {
    const results = await playWithProxy(startOurDevice(device));
    assert.equal(failuresOf(results), []);
    assert.is(played(results), ALL);
  });
  for (const generation of QEMU_GENERATIONS) {
    test(`QEMU ${generation}'s proxy and our ${device}: every exchange that it can be made to`, async () => {
      const results = await playWithQemu(generation, startOurDevice(device));
      assert.equal(failuresOf(results), []);
      assert.is(played(results), ALL - WITHOUT_OURS);
    });
  }
}

for (const generation of QEMU_GENERATIONS) {
  test(`our proxy and QEMU ${generation}'s remote: every exchange, but for what is documented`, async () => {
    const results = await playWithProxy(await startLsi(generation));
    assert.equal(failuresOf(results), documentedFailures(generation, results));
    assert.is(played(results), ALL);
  });
  for (const other of QEMU_GENERATIONS) {
    test(`QEMU ${generation}'s proxy and QEMU ${other}'s remote: every exchange, but for what is documented`, async () => {
      const results = await playWithQemu(generation, await startLsi(other));
      assert.equal(failuresOf(results), documentedFailures(other, results));
      assert.is(played(results), ALL - WITHOUT_OURS);
    });
  }
}

test.run();
