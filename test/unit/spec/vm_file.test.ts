import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SpecError } from "../../../src/errors/index.js";
import { parseVmText, readVmFile } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { FULL_VM_TEXT, LEAST_VM_TEXT, VM_ORIGIN, vmProblems } from "./spec_texts.js";

const test = suite("VM file");

const NO_PERIPHERAL = { serial: null, usb: null, audio: null, watchdog: null };

test("VM file with every key: read into a VmSpec", () => {
  const { source, ...vm } = parseVmText(FULL_VM_TEXT, VM_ORIGIN);
  assert.equal(vm, {
    name: "web1",
    machine: { memoryBytes: 512 * 1024 ** 2, cpus: 2, accel: "kvm" },
    boot: { kind: "disk", disk: "disk0" },
    console: { serial: { kind: "stdio" } },
    devices: [
      {
        id: "disk0",
        role: "disk",
        model: "lsi53c895a",
        disk: { file: "root.img", format: "qcow2", readOnly: true, backing: [] },
        net: null,
        ...NO_PERIPHERAL,
        limits: { readBytesPerSecond: 50 * 1024 ** 2, writeOperationsPerSecond: 500 },
      },
      {
        id: "net0",
        role: "net",
        model: "e1000",
        disk: null,
        net: { kind: "tap", tap: "tap0", mac: "52:54:00:12:34:ab" },
        ...NO_PERIPHERAL,
        limits: {},
      },
    ],
    require: ["seccomp", "namespaces"],
    onDeviceExit: "pause",
    hangDeadlineMs: 2000,
    shutdownGraceMs: 250,
  });
  assert.is(source.file, "web1.yaml");
  assert.is(source.directory, "/vms");
});

test("VM file with the required keys only: defaults are filled in", () => {
  const { source: _, ...vm } = parseVmText(LEAST_VM_TEXT, VM_ORIGIN);
  assert.equal(vm, {
    name: "web1",
    machine: { memoryBytes: 512 * 1024 ** 2, cpus: 1, accel: "auto" },
    boot: null,
    console: { serial: { kind: "none" } },
    devices: [],
    require: [],
    onDeviceExit: "stop",
    hangDeadlineMs: 10_000,
    shutdownGraceMs: 5000,
  });
});

test("VM file: devices without image and network, with their defaults", () => {
  const lines = [
    "{id: a, role: serial, model: m, serial: {file: x.log}}",
    "{id: b, role: serial, model: m, serial: {pipe: line}}",
    "{id: c, role: usb, model: m, usb: {}}",
    "{id: d, role: usb, model: m, usb: {devices: [tablet, keyboard]}}",
    "{id: e, role: audio, model: m, audio: {none: true}}",
    "{id: f, role: watchdog, model: m, watchdog: {}}",
    "{id: g, role: watchdog, model: m, watchdog: {action: pause}}",
  ];
  const { devices } = parseVmText(`${LEAST_VM_TEXT}devices: [${lines.join(", ")}]`, VM_ORIGIN);
  assert.equal(
    devices.map(({ serial, usb, audio, watchdog }) => serial ?? usb ?? audio ?? watchdog),
    [
      { kind: "file", file: "x.log" },
      { kind: "pipe", path: "line" },
      { devices: [] },
      { devices: ["tablet", "keyboard"] },
      { kind: "none" },
      { action: "reset" },
      { action: "pause" },
    ],
  );
});

test("VM file: kernel boot, serial file, cable-less card, defaults of a disk", () => {
  const vm = parseVmText(
    `${LEAST_VM_TEXT}boot: {kernel: {file: vmlinuz, append: "console=ttyS0"}}
console: {serial: {file: serial.log}}
devices:
  - {id: d, role: disk, model: nvme, disk: {file: a}}
  - {id: n, role: net, model: e1000, net: {disconnected: true}}
`,
    VM_ORIGIN,
  );
  assert.equal(vm.boot, { kind: "kernel", file: "vmlinuz", initrd: null, append: "console=ttyS0" });
  assert.equal(vm.console, { serial: { kind: "file", file: "serial.log" } });
  assert.equal(vm.devices[0]?.disk, { file: "a", format: "raw", readOnly: false, backing: [] });
  assert.equal(vm.devices[1]?.net, { kind: "disconnected", mac: null });
});

test("VM file: a path with commas, quotes, spaces and a leading dash survives unchanged", () => {
  const file = `-a,b=c "d" 'e' \\f é 🚀.img`;
  const devices = `devices: [{id: d, role: disk, model: nvme, disk: {file: ${JSON.stringify(file)}}}]`;
  assert.is(parseVmText(LEAST_VM_TEXT + devices, VM_ORIGIN).devices[0]?.disk?.file, file);
});

test("VM file: a layer required twice counts once", () => {
  assert.equal(parseVmText(`${LEAST_VM_TEXT}require: [uid, uid]`, VM_ORIGIN).require, ["uid"]);
});

test("VM file: locate gives the place of the key, the item, or the nearest entry above", () => {
  const { source } = parseVmText(FULL_VM_TEXT, VM_ORIGIN);
  assert.is(source.locate(["devices", 0, "model"]), "web1.yaml:12:5");
  assert.is(source.locate(["devices", 1]), "web1.yaml:15:5");
  assert.is(source.locate(["devices", 1, "net", "mac"]), "web1.yaml:18:22");
  assert.is(source.locate(["devices", 1, "limits", "readBytesPerSecond"]), "web1.yaml:15:5");
  assert.is(source.locate([]), "web1.yaml:1:1");
});

test("VM file: problems of several kinds are all told, in the order of their places", () => {
  const lines = vmProblems(
    `machine: {memory: 1000K, cpu: 2}
name: web1
name: web2
boot: {disk: disk9}
devices:
  - {id: a, role: disk, model: nvme, disk: {file: x}}
  - {id: a, role: disk, model: nvme, disk: {file: y}}
  - {id: c, role: disk, model: nvme, disk: {fil: z}}
require: [secomp]
`,
  );
  assert.equal(
    lines.map((line) => line.split(": ")[0]),
    ["web1.yaml:1:11", "web1.yaml:1:26", "web1.yaml:3:1", "web1.yaml:7:6", "web1.yaml:8:38", "web1.yaml:8:45", "web1.yaml:9:11"],
  );
});

test("VM file: of more than 20 problems the rest is counted", () => {
  const keys = Array.from({ length: 25 }, (_, index) => `k${index}: 1`).join("\n");
  const lines = vmProblems(LEAST_VM_TEXT + keys);
  assert.is(lines.length, 21);
  assert.is(lines[20], "web1.yaml: and 5 more problems.");
});

test("readVmFile: relative paths start from the directory of the file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bulkhead-spec-"));
  try {
    await writeFile(join(folder, "vm.yaml"), FULL_VM_TEXT);
    await symlink("vm.yaml", join(folder, "link.yaml"));
    assert.is((await readVmFile(join(folder, "vm.yaml"))).source.directory, folder);
    assert.is((await readVmFile(join(folder, "link.yaml"))).name, "web1");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("readVmFile: a missing file and a directory are refused with the answer and a remedy", async () => {
  const missing = await readVmFile("/nonexistent/vm.yaml").catch((error: unknown) => error);
  assert.instance(missing, SpecError);
  assert.match(
    (missing as SpecError).message,
    /Cannot read the VM file "\/nonexistent\/vm.yaml": .*ENOENT.* or - for standard input/,
  );
  const folder = (await readVmFile(tmpdir()).catch((error: unknown) => error)) as SpecError;
  assert.is(folder.code, "spec-unreadable");
  assert.match(folder.message, /not a regular file/);
});

test.run();
