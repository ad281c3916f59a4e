import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { BulkheadError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import { closeTenantFiles, makeSerialLogs, openTenantFiles, type TenantFiles } from "../../../src/machine/tenant_files.js";
import { builtInHostConfig, parseVmText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "../state/temporary_directories.js";

let folder: string;
let directories: ReturnType<typeof makeDirectories>;
let opened: TenantFiles[];

function prepare(): void {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-files-"));
  directories = makeDirectories();
  opened = [];
  for (const name of ["a.img", "b.img", "base.img"]) writeFileSync(join(folder, name), "x");
}
function cleanUp(): void {
  for (const files of opened) closeTenantFiles(files);
  directories.remove();
  rmSync(folder, { recursive: true });
}

function request(
  disks: readonly string[],
  options: { readonly console?: string; readonly claims?: boolean; readonly memory?: string } = {},
) {
  const devices = disks.map((disk, index) => `  - {id: d${index}, role: disk, model: nvme, disk: ${disk}}`);
  const text = [
    "name: web1",
    `machine: {memory: ${options.memory ?? "1M"}}`,
    options.console ?? "",
    devices.length === 0 ? "" : "devices:",
    ...devices,
  ].join("\n");
  const spec = parseVmText(text, { file: "web1.yaml", directory: folder });
  return { spec, hostConfig: builtInHostConfig(), claimIn: options.claims === false ? null : directories };
}

function open(...args: Parameters<typeof request>): TenantFiles {
  const files = openTenantFiles(request(...args));
  opened.push(files);
  return files;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, BulkheadError);
    return (error as BulkheadError).code;
  }
  return "none";
}

const test = suite("claims on files of VMs", { needs: ["root"] });
test.beforeEach(prepare);
test.afterEach(cleanUp);

test("a writer is alone: against another writer, a reader, and a backing file's reader", () => {
  open(["{file: a.img}"]);
  assert.is(
    codeOf(() => open(["{file: a.img}"])),
    "image-busy",
  );
  assert.is(
    codeOf(() => open(["{file: a.img, readOnly: true}"])),
    "image-busy",
  );
  assert.is(
    codeOf(() => open(["{file: b.img, format: qcow2, backing: {file: a.img, format: raw}}"])),
    "image-busy",
  );
  // What was refused gave back what it had claimed before.
  open(["{file: b.img}"]);
});

test("readers share, and keep a writer out", () => {
  const backed = "{file: a.img, format: qcow2, backing: {file: base.img, format: raw}}";
  open([backed]);
  open(["{file: base.img, readOnly: true}", "{file: base.img, readOnly: true}"]);
  assert.is(
    codeOf(() => open(["{file: base.img}"])),
    "image-busy",
  );
});

test("a claim ends with the last holder of the open file, not with a record", () => {
  const files = open(["{file: a.img}"]);
  closeTenantFiles(files);
  opened = [];
  open(["{file: a.img}"]);
});

test("somebody else's lock counts: who holds it is not known, and what to do is told", () => {
  const fd = openSync(join(folder, "a.img"), constants.O_RDWR);
  assert.ok(addon.tryLock({ fd }));
  try {
    assert.throws(() => open(["{file: a.img}"]), /cannot write "a\.img": another program holds a lock on it\. Run `lslocks`/);
    open(["{file: a.img}"], { claims: false });
  } finally {
    closeSync(fd);
  }
});

test("within a VM: a file that is written has one use, be it a disk, a backing file or the log", () => {
  assert.is(
    codeOf(() => open(["{file: a.img}", "{file: a.img, readOnly: true}"])),
    "image-shared",
  );
  assert.is(
    codeOf(() => open(["{file: a.img, format: qcow2, backing: {file: a.img, format: raw}}"])),
    "image-shared",
  );
  assert.is(
    codeOf(() => open(["{file: a.img, readOnly: true}"], { console: "console: {serial: {file: a.img}}" })),
    "image-shared",
  );
});

test("a serial log that is absent is made last, and only by who claims", () => {
  const log = join(folder, "serial.log");
  const console = "console: {serial: {file: serial.log}}";
  const looking = open([], { console, claims: false });
  assert.is(makeSerialLogs(request([], { console, claims: false }), looking).serialLog, null);
  const files = open([], { console });
  assert.not.ok(existsSync(log));
  const made = makeSerialLogs(request([], { console }), files);
  opened.push(made);
  assert.ok(existsSync(log));
  assert.is(
    codeOf(() => open([], { console })),
    "image-busy",
  );
});

for (const [name, memory, sizes, bound] of [
  ["than the guest's memory", "16M", [9, 8], /9437184 \+ 8388608 bytes, the guest has 16777216 bytes of memory/],
  ["than a launch copies", "4G", [16, 497], /536870912 are the most that a launch copies for its VMM/],
] as const) {
  test(`kernel and initrd that are larger ${name}: refused before anything is copied`, () => {
    truncateSync(join(folder, "a.img"), sizes[0] * 1024 * 1024);
    truncateSync(join(folder, "b.img"), sizes[1] * 1024 * 1024);
    const console = "boot: {kernel: {file: a.img, initrd: b.img}}";
    assert.throws(() => open([], { console, memory }), bound);
    truncateSync(join(folder, "b.img"), 1);
    assert.is(open([], { console, memory }).initrd?.sizeBytes, 1);
  });
}

test.run();

const block = suite("claims on block devices", { needs: ["root", "loop-devices"] });
let device: string;
block.before(() => {
  prepare();
  truncateSync(join(folder, "a.img"), 1024 * 1024);
  device = execFileSync("losetup", ["--find", "--show", join(folder, "a.img")], { encoding: "utf8" }).trim();
  const { rdev } = statSync(device);
  for (const node of ["one", "two"]) execFileSync("mknod", [join(folder, node), "b", String(rdev >> 8), String(rdev & 0xff)]);
});
block.after(() => {
  execFileSync("losetup", ["--detach", device]);
  cleanUp();
});

block("a device whose node somebody else has locked: refused, and no fd is left or closed twice", () => {
  const fd = openSync(join(folder, "one"), constants.O_RDONLY);
  assert.ok(addon.tryLock({ fd, shared: true }));
  const before = readdirSync("/proc/self/fd").length;
  try {
    assert.is(
      codeOf(() => open(["{file: one}"])),
      "image-busy",
    );
    assert.is(readdirSync("/proc/self/fd").length, before);
  } finally {
    closeSync(fd);
  }
});

block("two nodes are one device: within a VM, and between two", () => {
  assert.is(
    codeOf(() => open(["{file: one}", "{file: two}"])),
    "image-shared",
  );
  const files = open(["{file: one}"]);
  assert.throws(() => open(["{file: two}"]), /cannot write the block device "two": it is mounted, or claimed by another program/);
  closeTenantFiles(files);
  opened = [];
  open(["{file: two}"]);
});

block.run();
