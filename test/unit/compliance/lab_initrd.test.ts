import * as assert from "uvu/assert";
import { writeCpio } from "../../../src/compliance/lab/cpio.js";
import { resolveModules } from "../../../src/compliance/lab/kernel_modules.js";
import { suite } from "../../support/harness.js";

const test = suite("lab initrd");

/** Fields of the members of a newc archive, read by the format's description and not by the writer's code. */
function listMembers(archive: Buffer): { path: string; mode: number; size: number; content: string; offset: number }[] {
  const members = [];
  let offset = 0;
  for (;;) {
    assert.is(archive.toString("latin1", offset, offset + 6), "070701");
    const field = (index: number): number =>
      Number.parseInt(archive.toString("latin1", offset + 6 + index * 8, offset + 14 + index * 8), 16);
    const path = archive.toString("latin1", offset + 110, offset + 110 + field(11) - 1);
    const start = (offset + 110 + field(11) + 3) & ~3;
    if (path === "TRAILER!!!") return members;
    members.push({ path, mode: field(1), size: field(6), content: archive.toString("latin1", start, start + field(6)), offset });
    offset = (start + field(6) + 3) & ~3;
  }
}

const MEMBERS = [
  { path: "bin", mode: 0o755 },
  { path: "bin/five", mode: 0o700, content: Buffer.from("12345") },
  { path: "bin/link", mode: 0o777, linkTarget: "five" },
  { path: "console", mode: 0o600, device: { major: 5, minor: 1 } },
];

test("cpio: directory, file, link and device keep type, mode and content", () => {
  const members = listMembers(writeCpio(MEMBERS));
  assert.equal(
    members.map(({ path, mode, content }) => [path, mode.toString(8), content]),
    [
      ["bin", "40755", ""],
      ["bin/five", "100700", "12345"],
      ["bin/link", "120777", "five"],
      ["console", "20600", ""],
    ],
  );
});

test("cpio: every member starts at a multiple of four bytes", () => {
  for (const { offset } of listMembers(writeCpio(MEMBERS))) assert.is(offset % 4, 0);
});

const DEP = [
  "kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz kernel/lib/crc-t10dif.ko.xz",
  "kernel/drivers/scsi/scsi_mod.ko.xz: kernel/drivers/scsi/scsi_common.ko.xz",
  "kernel/drivers/scsi/scsi_common.ko.xz:",
  "kernel/lib/crc-t10dif.ko.xz:",
].join("\n");
const TABLES = { dep: DEP, builtin: "kernel/drivers/virtio/virtio_pci.ko\n" };

test("kernel modules: each comes after all that it depends on, once", () => {
  assert.equal(resolveModules(["sd_mod", "scsi-common"], TABLES), [
    "kernel/drivers/scsi/scsi_common.ko.xz",
    "kernel/drivers/scsi/scsi_mod.ko.xz",
    "kernel/lib/crc-t10dif.ko.xz",
    "kernel/drivers/scsi/sd_mod.ko.xz",
  ]);
});

test("kernel modules: one that is built in needs no file", () => {
  assert.equal(resolveModules(["virtio-pci"], TABLES), []);
});

test("kernel modules: an unknown name is refused", () => {
  assert.throws(
    () => resolveModules(["sym53c8xy"], TABLES),
    (error: { code: string }) => error.code === "lab-kernel-module",
  );
});

test.run();
