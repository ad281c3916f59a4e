import * as assert from "uvu/assert";
import { parseVmText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { device, LEAST_VM_TEXT, VM_ORIGIN, vmProblems } from "./spec_texts.js";

const test = suite("shape of a VM file");

/** One line of YAML after the two required keys, and what its only problem says. */
const REFUSED: readonly (readonly [string, string])[] = [
  ["conole: {serial: none}", 'web1.yaml:3:1: unknown key "conole" in the file; did you mean "console"?'],
  ["zzz: 1", 'web1.yaml:3:1: unknown key "zzz" in the file; known here: name, machine, boot'],
  ["__proto__: 1", 'web1.yaml:3:1: unknown key "__proto__" in the file'],
  ["constructor: 1", 'web1.yaml:3:1: unknown key "constructor" in the file'],
  [
    "console: {serial: stdoi}",
    'web1.yaml:3:11: console.serial is "stdoi"; it must be stdio, none or {file: PATH}; did you mean stdio?',
  ],
  ["console: {serial: {file: 5}}", "web1.yaml:3:20: console.serial.file is 5; it must be a path"],
  ["console: {serial: {}}", 'web1.yaml:3:11: console.serial lacks the key "file"; add it: it is a path'],
  ["console: {serial: {file: ''}}", 'web1.yaml:3:20: console.serial.file is ""; it must be a path'],
  ['console: {serial: {file: "a\\nb"}}', 'web1.yaml:3:20: console.serial.file is "a\\u{a}b"; it must be a path'],
  ['console: {serial: {file: "a\\0b"}}', 'web1.yaml:3:20: console.serial.file is "a\\u{0}b"; it must be a path'],
  ['console: {serial: {file: "a\\x9bb"}}', 'web1.yaml:3:20: console.serial.file is "a\\u{9b}b"; it must be a path'],
  ["require: seccomp", 'web1.yaml:3:1: require is "seccomp"; it must be a list of layers'],
  ["require: [secomp]", 'web1.yaml:3:11: require[0] is "secomp"; it must be one of seccomp, '],
  ["onDeviceExit: restart", 'web1.yaml:3:1: onDeviceExit is "restart"; it must be one of stop, pause.'],
  [
    "shutdownGraceMs: 600001",
    "web1.yaml:3:1: shutdownGraceMs is 600001; it must be a whole number of milliseconds from 0 to 600000.",
  ],
  ["hangDeadlineMs: 999", "web1.yaml:3:1: hangDeadlineMs is 999; it must be a whole number of milliseconds from 1000 to 600000."],
  ["shutdownGraceMs: -1", "web1.yaml:3:1: shutdownGraceMs is -1; it must be"],
  ["shutdownGraceMs: 1.5", "web1.yaml:3:1: shutdownGraceMs is 1.5; it must be"],
  ["shutdownGraceMs: .inf", "web1.yaml:3:1: shutdownGraceMs is Infinity; it must be"],
  ["shutdownGraceMs:", "web1.yaml:3:1: shutdownGraceMs is empty; it must be"],
  ["boot: [disk0]", "web1.yaml:3:1: boot is a list; it must be a mapping with the keys disk, kernel."],
  ["boot: {kernel: {initrd: a}}", 'web1.yaml:3:8: boot.kernel lacks the key "file"; add it'],
  ["boot: {disk: Disk0}", 'web1.yaml:3:8: boot.disk is "Disk0"; it must be a device id'],
  ["devices: {}", "web1.yaml:3:1: devices is a mapping; it must be a list of devices."],
  ["devices: [5]", "web1.yaml:3:11: devices[0] is 5; it must be a mapping with the keys id, role"],
  ["devices: [{id: a, role: rng}]", 'web1.yaml:3:11: devices[0] lacks the key "model"; add it: it is a QEMU device model'],
  [`devices: [${device("0a", "role: rng")}]`, 'web1.yaml:3:12: devices[0].id is "0a"; it must be a device id'],
  [`devices: [${device("a-b", "role: rng")}]`, 'web1.yaml:3:12: devices[0].id is "a-b"; it must be a device id'],
  [`devices: [${device("abcdefghijklmnopq", "role: rng")}]`, "web1.yaml:3:12: devices[0].id is"],
  [`devices: [${device("a", "role: ../disk")}]`, 'devices[0].role is "../disk"; it must be a role name'],
  ['devices: [{id: a, role: rng, model: "e1000,x=y"}]', 'devices[0].model is "e1000,x=y"; it must be a QEMU device model'],
  [
    `devices: [${device("a", "role: disk, disk: {file: a, format: vmdk}")}]`,
    'devices[0].disk.format is "vmdk"; it must be one of raw, qcow2.',
  ],
  [
    `devices: [${device("a", 'role: disk, disk: {file: a, readOnly: "yes"}')}]`,
    'devices[0].disk.readOnly is "yes"; it must be true or false.',
  ],
  [
    `devices: [${device("a", "role: disk, disk: {file: 5}")}]`,
    'devices[0].disk.file is 5; it must be a path of 1 to 4095 characters without control characters; quote it: "5"',
  ],
  [
    `devices: [${device("a", "role: net, net: {disconnected: false}")}]`,
    "devices[0].net.disconnected is false; it must be true, or left out.",
  ],
  [
    `devices: [${device("a", "role: disk, disk: {file: a}, limits: {readBytesPerSecond: 0}")}]`,
    "readBytesPerSecond is 0; it must be a size",
  ],
  [
    `devices: [${device("a", "role: disk, disk: {file: a}, limits: {readOperationsPerSecond: 5K}")}]`,
    'is "5K"; it must be a whole number of operations',
  ],
];

for (const [line, expected] of REFUSED) {
  test(`VM file: ${line.slice(0, 90)}: refused with its place`, () => {
    const lines = vmProblems(LEAST_VM_TEXT + line);
    assert.is(lines.length, 1, lines.join("\n"));
    assert.ok(lines[0]?.includes(expected), lines[0]);
  });
}

for (const name of ["-a", "A", "a_b", "", "a".repeat(33), "a/b"]) {
  test(`VM name "${name}": refused`, () => {
    const lines = vmProblems(`name: "${name}"\nmachine: {memory: 512M}\n`);
    assert.ok(lines[0]?.startsWith("web1.yaml:1:1: name is"), lines[0]);
  });
}

for (const memory of ["512m", "1.5G", "0", "-1M", "0M", "512MiB", "512 M", "true", "[1]", "1e400", "0x"]) {
  test(`memory ${memory}: refused as no size`, () => {
    const lines = vmProblems(`name: a\nmachine: {memory: ${memory}}\n`);
    assert.is(lines.length, 1);
    assert.ok(lines[0]?.startsWith("web1.yaml:2:11: machine.memory is") && lines[0].includes("must be a size"), lines[0]);
  });
}

for (const tap of ["a b", "a/b", "..", ".", "", "tap%d", "a:b", "abcdefghijklmnop", "té"]) {
  test(`tap "${tap}": refused as no interface name`, () => {
    const lines = vmProblems(`${LEAST_VM_TEXT}devices: [${device("n", `role: net, net: {tap: "${tap}"}`)}]`);
    assert.is(lines.length, 1);
    assert.ok(lines[0]?.includes("it must be the name of a tap interface"), lines[0]);
  });
}

for (const mac of [
  "53:54:00:12:34:56",
  "ff:ff:ff:ff:ff:ff",
  "52:54:00:12:34",
  "52-54-00-12-34-56",
  "52:54:00:12:34:5g",
  "52:54:00:12:34:56:78",
]) {
  test(`MAC ${mac}: refused as no unicast address`, () => {
    const lines = vmProblems(`${LEAST_VM_TEXT}devices: [${device("n", `role: net, net: {tap: t, mac: "${mac}"}`)}]`);
    assert.is(lines.length, 1);
    assert.ok(lines[0]?.includes("it must be a unicast MAC address"), lines[0]);
  });
}

test("bounds of cpus: 1 and 64 accepted, 0 and 65 refused", () => {
  const withCpus = (cpus: number) => `name: a\nmachine: {memory: 1M, cpus: ${cpus}}\n`;
  for (const cpus of [1, 64]) assert.is(parseVmText(withCpus(cpus), VM_ORIGIN).machine.cpus, cpus);
  for (const cpus of [0, 65])
    assert.match(vmProblems(withCpus(cpus))[0] ?? "", /cpus is \d+; it must be a whole number from 1 to 64/);
});

test("kernel command line: 2047 characters accepted, 2048 refused", () => {
  const withAppend = (length: number) => `${LEAST_VM_TEXT}boot: {kernel: {file: k, append: "${"a".repeat(length)}"}}`;
  assert.is(parseVmText(withAppend(2047), VM_ORIGIN).boot?.kind, "kernel");
  assert.match(vmProblems(withAppend(2048))[0] ?? "", /boot.kernel.append is .* at most 2047 characters/);
});

test("a terminal escape in a value: shown escaped, never raw", () => {
  const [line = ""] = vmProblems('name: "\\e[31m\\u202e\\u2028"\nmachine: {memory: 1M}\n');
  assert.ok(line.includes('"\\u{1b}[31m\\u{202e}\\u{2028}"'), line);
});

test.run();
