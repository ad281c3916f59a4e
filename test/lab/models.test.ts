// Runs inside the lab, by test/lab_long/models.test.ts.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { promisify } from "node:util";
import * as assert from "uvu/assert";
import {
  type GUEST_DRIVERS,
  type GuestReport,
  guestKit,
  parseGuestReport,
  QEMU_GENERATIONS,
  type QemuGeneration,
  qemuRoot,
} from "../../src/compliance/lab/index.js";
import { launch } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture, usedName } from "../support/machine_fixture.js";

const execute = promisify(execFile);
const test = suite("a Linux guest drives every kind of device", {
  needs: ["root", "kvm", "tun", "cgroup-v2-controllers"],
  timeoutMs: 240_000,
});

type Model = keyof typeof GUEST_DRIVERS;
const DISKS: readonly Model[] = ["lsi53c895a", "am53c974", "megasas", "mptsas1068", "pvscsi", "nvme", "sdhci-pci"];
const CARDS: readonly Model[] = [
  ...(["e1000", "e1000e", "rtl8139", "pcnet", "i82559er", "ne2k_pci", "tulip", "vmxnet3", "virtio-net-pci"] as const),
];
/** The others, with their backend and the name that their driver has on the PCI bus; finding the device is all it does here. */
const OTHERS: readonly (readonly [role: string, model: Model, backend: string, driver: string])[] = [
  ["usb", "qemu-xhci", "usb: {devices: [tablet]}", "xhci_hcd"],
  ["usb", "usb-ehci", "usb: {devices: [keyboard]}", "ehci-pci"],
  ["usb", "piix3-usb-uhci", "usb: {}", "uhci_hcd"],
  ["audio", "AC97", "audio: {none: true}", "snd_intel8x0"],
  ["audio", "ES1370", "audio: {none: true}", "snd_ens1370"],
  ["audio", "intel-hda", "audio: {none: true}", "snd_hda_intel"],
];
const DISK_BYTES = 8 * 1024 * 1024;
const PINGS = 20;
/** A guest that hangs is ended before the test is, so that its console shows where. */
const GUEST_DEADLINE_MS = 200_000;

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

async function runGuest(
  generation: QemuGeneration,
  name: string,
  guest: { lines: string[]; asked: string[] },
): Promise<GuestReport> {
  const context = { progress: () => undefined };
  const [qemu, kit] = [await qemuRoot(generation, context), await guestKit(context)];
  const append = ["console=ttyS0", "loglevel=1", "panic=-1", "scsi_mod.scan=sync", ...guest.asked].join(" ");
  const text = `name: ${usedName(name)}
machine: {memory: 256M, accel: kvm}
boot: {kernel: {file: ${kit.kernel}, initrd: ${kit.initrd}, append: "${append}"}}
console: {serial: stdio}
devices:
${guest.lines.join("\n")}
`;
  const output = new PassThrough();
  let console = "";
  output.setEncoding("utf8").on("data", (chunk: string) => {
    console += chunk;
  });
  const request = await fixture.request(text, {
    qemu: { program: qemu.binary, sysroot: qemu.root },
    stdio: { kind: "stream", output, input: null, escape: false },
  });
  const hostConfig = { ...request.hostConfig, imageRoots: [fixture.directory, dirname(kit.kernel)] };
  const machine = await launch({ ...request, hostConfig });
  const timer = setTimeout(() => machine.kill(), GUEST_DEADLINE_MS);
  const { exitCode, reason, detail } = await machine.ended;
  clearTimeout(timer);
  assert.equal([reason, exitCode], ["guest-shutdown", 0], `${detail}\n${console}`);
  const report = parseGuestReport(console);
  assert.equal([report.status, report.errors], ["ok", []], console);
  assert.equal(fixture.leftovers(), []);
  return report;
}

for (const generation of QEMU_GENERATIONS) {
  const label = generation.replace(".", "-");

  test(`QEMU ${generation}: disks of every kind are read, written and read back`, async () => {
    const content = createHash("sha512").update(generation).digest();
    for (const index of DISKS.keys()) {
      await writeFile(join(fixture.directory, `g${index}.img`), content);
      await truncate(join(fixture.directory, `g${index}.img`), DISK_BYTES);
    }
    const lines = DISKS.map((model, index) => `  - {id: d${index}, role: disk, model: ${model}, disk: {file: g${index}.img}}`);
    const asked = [`bulkhead.disks=${DISKS.length}`, "bulkhead.read=1M", "bulkhead.write=1M@4M"];
    const report = await runGuest(generation, `test-disks-${label}`, { lines, asked });
    const whole = createHash("sha256")
      .update(Buffer.concat([content, Buffer.alloc(1024 * 1024 - content.length)]))
      .digest("hex");
    assert.equal(
      report.reads.map(({ sha256 }) => sha256),
      DISKS.map(() => whole),
    );
    assert.is(report.writes.length, DISKS.length);
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
}

test.run();
