// Runs inside the lab, by test/lab_long/models.test.ts.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as assert from "uvu/assert";
import {
  type GUEST_DRIVERS,
  type GuestReport,
  parseGuestReport,
  QEMU_GENERATIONS,
  type QemuGeneration,
} from "../../src/compliance/lab/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { runModelGuest } from "./model_guest.js";

const execute = promisify(execFile);
const test = suite("a Linux guest drives every kind of device", {
  needs: ["root", "kvm", "tun", "cgroup-v2-controllers"],
  timeoutMs: 400_000,
});

type Model = keyof typeof GUEST_DRIVERS;
const DISKS: readonly Model[] = ["lsi53c895a", "am53c974", "megasas", "mptsas1068", "pvscsi", "nvme", "sdhci-pci"];
const CARDS: readonly Model[] = [
  ...(["e1000", "e1000e", "rtl8139", "pcnet", "i82559er", "ne2k_pci", "tulip", "vmxnet3", "virtio-net-pci"] as const),
];
/** The others, with their backend and the name that their driver has on the PCI bus; finding the device is all it does here. */
const OTHERS: readonly (readonly [role: string, model: Model, backend: string, driver: string])[] = [
  ["usb", "qemu-xhci", "usb: {devices: [tablet]}", "xhci_hcd"],
  ["usb", "usb-ehci", "usb: {}", "ehci-pci"],
  ["usb", "piix3-usb-uhci", "usb: {}", "uhci_hcd"],
  ["audio", "AC97", "audio: {none: true}", "snd_intel8x0"],
  ["audio", "ES1370", "audio: {none: true}", "snd_ens1370"],
  ["audio", "intel-hda", "audio: {none: true}", "snd_hda_intel"],
];
const NOT_FOR_LINUX = { am53c974: /soft lockup/, mptsas1068: /ZSTD-compressed data is corrupt/ } as const;
/**
 * Models that Linux cannot use as processes of their own, by generation, and what is seen of it: QEMU alone does the same, and
 * docs/models.md tells more. Each is shown by a guest of its own, so that a model that comes to work is noticed.
 */
const FINDINGS: Readonly<Record<QemuGeneration, Partial<Record<Model, RegExp>>>> = {
  "7.2": { mptsas1068: NOT_FOR_LINUX.mptsas1068 },
  "10": NOT_FOR_LINUX,
  "11": NOT_FOR_LINUX,
};
/** Its process dies as Linux powers off, when all that it wrote is in the image: docs/models.md. */
const DIES_AT_POWER_OFF: Model = "megasas";
const DISK_BYTES = 8 * 1024 * 1024;
const PINGS = 20;

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
  for (const index of CARDS.keys()) {
    const tap = `tap${index}`;
    await execute("ip", ["tuntap", "add", "dev", tap, "mode", "tap"]);
    await execute("ip", ["addr", "add", `10.0.${index}.1/24`, "dev", tap]);
    await execute("ip", ["link", "set", tap, "up"]);
  }
});
test.after(() => fixture.remove());

/** `mayDie`: a process that may die as the guest powers off. */
async function runGuest(
  generation: QemuGeneration,
  name: string,
  guest: { lines: string[]; asked: string[]; mayDie?: string },
): Promise<GuestReport> {
  const { exitCode, reason, process, detail, console } = await runModelGuest(generation, { fixture, name, ...guest });
  const expected = process !== null && process === guest.mayDie ? ["device-died", 4] : ["guest-shutdown", 0];
  assert.equal([reason, exitCode], expected, `${detail}\n${console}`);
  const report = parseGuestReport(console);
  assert.equal([report.status, report.errors], ["ok", []], console);
  assert.equal(fixture.leftovers(), []);
  return report;
}

/** An image for each of a number of disks, which begin with the same content. */
async function makeImages(count: number, content: Buffer): Promise<void> {
  for (let index = 0; index < count; index++) {
    await writeFile(join(fixture.directory, `g${index}.img`), content);
    await truncate(join(fixture.directory, `g${index}.img`), DISK_BYTES);
  }
}

for (const generation of QEMU_GENERATIONS) {
  const label = generation.replace(".", "-");

  test(`QEMU ${generation}: disks of every kind are read, written and read back`, async () => {
    const content = createHash("sha512").update(generation).digest();
    const disks = DISKS.filter((model) => FINDINGS[generation][model] === undefined);
    await makeImages(disks.length, content);
    const lines = disks.map((model, index) => `  - {id: d${index}, role: disk, model: ${model}, disk: {file: g${index}.img}}`);
    const asked = [`bulkhead.disks=${disks.length}`, "bulkhead.read=1M", "bulkhead.write=1M@4M"];
    const mayDie = `d${disks.indexOf(DIES_AT_POWER_OFF)}`;
    const report = await runGuest(generation, `test-disks-${label}`, { lines, asked, mayDie });
    const whole = createHash("sha256")
      .update(Buffer.concat([content, Buffer.alloc(1024 * 1024 - content.length)]))
      .digest("hex");
    assert.equal(
      report.reads.map(({ sha256 }) => sha256),
      disks.map(() => whole),
    );
    assert.is(report.writes.length, disks.length);
    assert.equal(report.verifies, report.writes);
  });

  test(`QEMU ${generation}: cards of every kind are answered by their peers`, async () => {
    const lines = CARDS.map((model, index) => `  - {id: n${index}, role: net, model: ${model}, net: {tap: tap${index}}}`);
    const asked = CARDS.map((_, index) => `bulkhead.net=10.0.${index}.2/24,10.0.${index}.1`);
    const report = await runGuest(generation, `test-cards-${label}`, { lines, asked });
    assert.equal(
      report.nets.map(({ sentPackets, receivedPackets }) => [sentPackets, receivedPackets]),
      CARDS.map(() => [PINGS, PINGS]),
    );
  });

  test(`QEMU ${generation}: drivers of USB controllers and sound cards find their devices`, async () => {
    const lines = OTHERS.map(
      ([role, model, backend], index) => `  - {id: o${index}, role: ${role}, model: ${model}, ${backend}}`,
    );
    const report = await runGuest(generation, `test-others-${label}`, { lines, asked: [] });
    const bound = new Set(report.pci.map(({ driver }) => driver));
    assert.equal(
      OTHERS.filter(([, , , driver]) => !bound.has(driver)).map(([, model]) => model),
      [],
      `bound are ${[...bound].join(", ")}`,
    );
  });

  for (const [model, finding] of Object.entries(FINDINGS[generation])) {
    test(`QEMU ${generation}: ${model} fails as docs/models.md says`, async () => {
      await makeImages(1, Buffer.from(model));
      const line = `  - {id: d0, role: disk, model: ${model}, disk: {file: g0.img}}`;
      const asked = ["bulkhead.disks=1", "bulkhead.read=1M", "bulkhead.write=1M@4M"];
      const guest = { fixture, name: `test-finding-${label}`, lines: [line], asked, until: finding };
      const { detail, console } = await runModelGuest(generation, guest);
      assert.match(`${detail}\n${console}`, finding);
      assert.equal(fixture.leftovers(), []);
    });
  }
}

test.run();
