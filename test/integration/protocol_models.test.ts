import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot } from "../../src/compliance/lab/index.js";
import {
  DeviceProxy,
  type DeviceProxyOptions,
  type ProbedDevice,
  ProxyDriver,
  playExchanges,
  probeDevice,
} from "../../src/protocol/index.js";
import { suite } from "../support/harness.js";
import { qemuRoots } from "../support/protocol/conformance_subjects.js";
import { documentedFindings, failuresOf } from "../support/protocol/documented_findings.js";
import { REMOTE_MODELS, startQemuRemote } from "../support/protocol/qemu_remote.js";

/** Some 50 processes for each generation: 5 s on a busy machine. */
const test = suite("our proxy and QEMU's remotes", { needs: ["root", "lab"], timeoutMs: 40_000 });

/**
 * `vendor:device class subsystem`, then the regions as QEMU's proxy sees them. It takes the upper half of a 64-bit BAR for an I/O
 * BAR of 16 bytes: megasas, nvme and qemu-xhci have one each for every such BAR.
 */
const EXPECTED: Readonly<Record<string, string>> = {
  lsi53c895a: "1000:12 100 1000 0:io:100 1:memory:400 2:memory:2000",
  am53c974: "1022:2020 100 1100 0:io:80",
  dc390: "1022:2020 100 1100 0:io:80",
  megasas: "1000:60 104 1013 0:memory:4000 1:io:10 2:io:100 3:memory:40000 4:io:10",
  mptsas1068: "1000:54 100 8000 0:io:100 1:memory:4000 2:memory:10000",
  pvscsi: "15ad:7c0 100 7c0 0:memory:8000",
  nvme: "1b36:10 108 1100 0:memory:4000 1:io:10",
  "ich9-ahci": "8086:2922 106 1100 4:io:20 5:memory:1000",
  "sdhci-pci": "1b36:7 805 1100 0:memory:100",
  e1000: "8086:100e 200 1100 0:memory:20000 1:io:40",
  e1000e: "8086:10d3 200 0 0:memory:20000 1:memory:20000 2:io:20 3:memory:4000",
  rtl8139: "10ec:8139 200 1100 0:io:100 1:memory:100",
  pcnet: "1022:2000 200 0 0:io:20 1:memory:20",
  i82559er: "8086:1209 200 1100 0:memory:1000 1:io:40 2:memory:20000",
  ne2k_pci: "10ec:8029 200 1100 0:io:100",
  tulip: "1011:19 200 104f 0:io:80 1:memory:80",
  vmxnet3: "15ad:7b0 200 7b0 0:memory:1000 1:memory:1000 2:memory:2000",
  "qemu-xhci": "1b36:d c03 1100 0:memory:4000 1:io:10",
  "usb-ehci": "8086:24cd c03 1100 0:memory:1000",
  "piix3-usb-uhci": "8086:7020 c03 1100 4:io:20",
  AC97: "8086:2415 401 1100 0:io:400 1:io:100",
  ES1370: "1274:5000 401 4c4c 0:io:100",
  "intel-hda": "8086:2668 403 1100 0:memory:4000",
  i6300esb: "8086:25ab 880 1100 0:memory:10",
  "pci-serial": "1b36:2 700 1100 0:io:10",
  "pci-testdev": "1b36:5 ff 1100 0:memory:1000 1:io:100",
};

let roots: ReadonlyMap<QemuGeneration, QemuRoot>;

test.before(async () => {
  roots = await qemuRoots();
});

function word({ vendorId, deviceId, classCode, subsystemId, regions }: ProbedDevice): string {
  const numbers = `${vendorId.toString(16)}:${deviceId.toString(16)} ${classCode.toString(16)} ${subsystemId.toString(16)}`;
  return [numbers, ...regions.map(({ index, kind, sizeBytes }) => `${index}:${kind}:${sizeBytes.toString(16)}`)].join(" ");
}

/** Starts the model twice: to be probed, and for the exchanges. What was wrong. */
async function tryModel(qemu: QemuRoot, model: string): Promise<string[]> {
  const probed = await withModel(qemu, model, async (options) => {
    const proxy = new DeviceProxy(options);
    const found = word(await probeDevice(proxy));
    proxy.close();
    return found === EXPECTED[model] ? [] : [`it is ${found}`];
  });
  const findings = documentedFindings(qemu.generation);
  const played = await withModel(qemu, model, async (options) => {
    const vmm = await ProxyDriver.open(options);
    const results = await playExchanges(async () => vmm);
    vmm.close();
    return failuresOf(results.filter(({ id, evidence }) => findings.get(id) !== evidence));
  });
  return [...probed, ...played];
}

async function withModel(
  qemu: QemuRoot,
  model: string,
  use: (options: DeviceProxyOptions) => Promise<string[]>,
): Promise<string[]> {
  const remote = await startQemuRemote(qemu, model);
  const wrong = await use({ fd: remote.channelFd, name: model }).catch((error: Error) => {
    remote.kill("SIGKILL");
    return [error.message];
  });
  const { exitCode, signal, said } = await remote.ended;
  if (exitCode !== 0) wrong.push(`it ended with ${exitCode ?? signal}`);
  return wrong.map((problem) => `${model}: ${problem} ${said}`);
}

for (const generation of QEMU_GENERATIONS) {
  test(`QEMU ${generation}: every model tells its ids and BARs, plays every exchange, and ends with its channel`, async () => {
    const qemu = roots.get(generation) as QemuRoot;
    const wrong: string[] = [];
    for (const model of Object.keys(REMOTE_MODELS)) {
      wrong.push(...(await tryModel(qemu, model)));
    }
    assert.equal(wrong, []);
  });
}

test("every model that is tried is expected", () => assert.equal(Object.keys(EXPECTED), Object.keys(REMOTE_MODELS)));

test.run();
