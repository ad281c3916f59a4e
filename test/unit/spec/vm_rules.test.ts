import * as assert from "uvu/assert";
import { parseVmText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { device, LEAST_VM_TEXT, VM_ORIGIN, vmProblems } from "./spec_texts.js";

const test = suite("rules between the keys of a VM file");

const DISK = device("d", "role: disk, disk: {file: a}");
const NET = device("n", "role: net, net: {tap: t}");

/** One line after the required keys, and its only problem. */
const REFUSED: readonly (readonly [string, string, string])[] = [
  ["boot with nothing in it", "boot: {}", "web1.yaml:3:1: boot names nothing to boot from"],
  [
    "disk and kernel together",
    `boot: {disk: d, kernel: {file: k}}\ndevices: [${DISK}]`,
    "web1.yaml:3:1: boot names a disk and a kernel",
  ],
  [
    "boot disk of a VM without disks",
    "boot: {disk: d}",
    'web1.yaml:3:8: boot.disk names "d", which is no device of this file; no device here has a disk.',
  ],
  ["boot disk with a misspelt id", `boot: {disk: e}\ndevices: [${DISK}]`, 'which is no device of this file; did you mean "d"?'],
  [
    "boot disk that is a card",
    `boot: {disk: n}\ndevices: [${DISK}, ${NET}]`,
    'boot.disk names "n", which is not a disk; did you mean "d"?',
  ],
  [
    "a backing file of a raw image",
    `devices: [${device("d", "role: disk, disk: {file: a, backing: {file: b, format: raw}}")}]`,
    'an image of format "raw" has no backing file; remove the key, or say "format: qcow2" if it is one',
  ],
  [
    "a data file of a raw backing file",
    `devices: [${device("d", "role: disk, disk: {file: a, format: qcow2, backing: {file: b, format: raw, dataFile: c}}")}]`,
    'an image of format "raw" has no data file; remove the key, or say "format: qcow2" if it is one',
  ],
  [
    "a model and a program",
    "devices: [{id: d, role: r, model: e1000, program: /p}]",
    "devices[0] has a model of QEMU's and a program in its place; keep one of the two",
  ],
  ["neither", "devices: [{id: d, role: r}]", 'devices[0] lacks the key "model"; add it: it is a QEMU device model'],
  [
    "a program with a backend",
    "devices: [{id: d, role: disk, program: /p, disk: {file: a}}]",
    'a device of a program has no key "disk": only QEMU\'s models have backends; remove it',
  ],
  [
    "a program with limits",
    "devices: [{id: d, role: r, program: /p, limits: {readBytesPerSecond: 1M}}]",
    "limits apply to disks",
  ],
  ["a program by a relative path", "devices: [{id: d, role: r, program: p}]", "it must be an absolute path of a program"],
  ["two devices with one id", `devices: [${DISK}, ${DISK}]`, '"d": devices[0] has the same device id'],
  ["the id vmm", `devices: [${device("vmm", "role: rng")}]`, 'web1.yaml:3:12: the id "vmm" is reserved'],
  [
    "role disk without a disk",
    `devices: [${device("d", "role: disk")}]`,
    'devices[0] has the role "disk" and lacks the key "disk"; add it.',
  ],
  [
    "role net without a net",
    `devices: [${device("d", "role: net")}]`,
    'devices[0] has the role "net" and lacks the key "net"; add it.',
  ],
  [
    "role disk with a net too",
    `devices: [${device("d", "role: disk, disk: {file: a}, net: {tap: t}")}]`,
    'a device of role "disk" has no key "net"',
  ],
  [
    "an unknown role with two backends",
    `devices: [${device("d", "role: x, disk: {file: a}, net: {tap: t}")}]`,
    "devices[0] has disk and net; one process serves one backend",
  ],
  [
    "limits of a card",
    `devices: [${device("n", "role: net, net: {tap: t}, limits: {readBytesPerSecond: 1M}")}]`,
    'devices[0] is of kind "net"; remove them.',
  ],
  [
    "a limit beyond QEMU's largest",
    `devices: [${device("d", "role: disk, disk: {file: a}, limits: {readBytesPerSecond: 1000000G}")}]`,
    "the largest limit that QEMU takes is 1000000000000000",
  ],
  [
    "a net with tap and disconnected",
    `devices: [${device("n", "role: net, net: {tap: t, disconnected: true}")}]`,
    "has a tap and is disconnected; keep one",
  ],
  [
    "a net with neither",
    `devices: [${device("n", "role: net, net: {}")}]`,
    'lacks its other end; add "tap: NAME" or "disconnected: true".',
  ],
  [
    "an all-zero MAC",
    `devices: [${device("n", 'role: net, net: {tap: t, mac: "00:00:00:00:00:00"}')}]`,
    "is no address of a card",
  ],
  [
    "a serial line with two ends",
    `devices: [${device("s", "role: serial, serial: {file: a, pipe: b}")}]`,
    "devices[0].serial has a file and a pipe; keep one of the two.",
  ],
  [
    "a serial line that leads nowhere",
    `devices: [${device("s", "role: serial, serial: {}")}]`,
    'devices[0].serial leads nowhere; add "file: PATH" or "pipe: PATH".',
  ],
  [
    "two of one USB device",
    `devices: [${device("u", "role: usb, usb: {devices: [tablet, tablet]}")}]`,
    "devices[0].usb has two of tablet",
  ],
  [
    "role watchdog without a watchdog",
    `devices: [${device("w", "role: watchdog")}]`,
    'devices[0] has the role "watchdog" and lacks the key "watchdog"; add it.',
  ],
  [
    "role audio with an image",
    `devices: [${device("s", "role: audio, audio: {none: true}, disk: {file: a}")}]`,
    'a device of role "audio" has no key "disk"',
  ],
  [
    "limits of a controller",
    `devices: [${device("u", "role: usb, usb: {}, limits: {readBytesPerSecond: 1M}")}]`,
    'devices[0] is of kind "usb"; remove them.',
  ],
  ["two cards on one tap", `devices: [${NET}, ${device("m", "role: net, net: {tap: t}")}]`, '"t": devices[0] has the same tap'],
  [
    "two cards with one MAC in two spellings",
    `devices: [${device("n", 'role: net, net: {tap: t, mac: "52:54:00:00:00:0a"}')}, ${device("m", 'role: net, net: {tap: u, mac: "52:54:00:00:00:0A"}')}]`,
    '"52:54:00:00:00:0a": devices[0] has the same MAC address',
  ],
];

for (const [subject, lines, expected] of REFUSED) {
  test(`VM file: ${subject}: refused with its place`, () => {
    const problems = vmProblems(LEAST_VM_TEXT + lines);
    assert.is(problems.length, 1, problems.join("\n"));
    assert.ok(problems[0]?.startsWith("web1.yaml:") && problems[0].includes(expected), problems[0]);
  });
}

for (const memory of ["1000K", "1048577", "1K", "1025K", "9007199254740992", "99999999999G"]) {
  test(`memory ${memory}: refused as no multiple of 1M`, () => {
    const lines = vmProblems(`name: a\nmachine: {memory: ${memory}}\n`);
    assert.is(lines.length, 1);
    assert.match(lines[0] ?? "", /^web1.yaml:2:11: .*(must be a multiple of 1M, at least 1M|must be a size)/);
  });
}

test("memory: 1M, 1048576 and 1024K are the same", () => {
  for (const memory of ["1M", "1048576", "1024K"]) {
    assert.is(parseVmText(`name: a\nmachine: {memory: ${memory}}\n`, VM_ORIGIN).machine.memoryBytes, 1048576);
  }
});

test("an unknown role: left to the policy, with one backend or none", () => {
  const vm = parseVmText(
    `${LEAST_VM_TEXT}devices: [${device("a", "role: rng")}, ${device("b", "role: fast-disk, disk: {file: x}")}]`,
    VM_ORIGIN,
  );
  assert.equal(
    vm.devices.map(({ role, disk }) => [role, disk !== null]),
    [
      ["rng", false],
      ["fast-disk", true],
    ],
  );
});

test("boot disk of a role of the administrator's: accepted when it has a disk", () => {
  const vm = parseVmText(
    `${LEAST_VM_TEXT}boot: {disk: b}\ndevices: [${device("b", "role: fast-disk, disk: {file: x}")}]`,
    VM_ORIGIN,
  );
  assert.equal(vm.boot, { kind: "disk", disk: "b" });
});

test("a misspelt key in the device that boot names: not also told as a missing device", () => {
  const lines = vmProblems(`${LEAST_VM_TEXT}boot: {disk: d}\ndevices: [${device("d", "role: disk, dsk: {file: a}")}]`);
  assert.is(lines.length, 1);
  assert.ok(lines[0]?.includes('unknown key "dsk" in devices[0]; did you mean "disk"?'), lines[0]);
});

test.run();
