import * as assert from "uvu/assert";
import { DEFAULT_QEMU, parseHostText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { HOST_ORIGIN, hostProblems } from "./spec_texts.js";

const test = suite("rules of a host file");

const REFUSED: readonly (readonly [string, string])[] = [
  ["uids: 0-5000", "uids starts at 0; 0 to 999 are the system's own accounts"],
  ["uids: 999-5000", "uids starts at 999"],
  ["uids: 65534-65534", "uids holds 65534"],
  ["uids: 60000-70000", "uids holds 65534"],
  ["uids: 5000-4000", "uids runs backwards; write 4000-5000."],
  ["uids: 5000-4294967295", "uids ends at 4294967295; the highest uid is 4294967294."],
  ["uids: 5000", 'uids is 5000; it must be a range of uids such as 500000-565535; quote it: "5000"'],
  ["uids: a-b", 'uids is "a-b"; it must be a range of uids'],
  ["categories: c0.c1023", 'categories is "c0.c1023"; it must be a range of MCS categories such as c0-c1023.'],
  ["categories: c0-c1024", "categories ends at c1024; the highest category is c1023."],
  ["categories: c9-c3", "categories runs backwards; write c3-c9."],
  ["categories: c0-c2", "categories holds 3; a VM with one device needs 4"],
  ["limits: {memoryPerVm: 1023K}", "limits.memoryPerVm is 1023K; it must be at least 1M"],
  [
    "limits: {memoryPerVm: 9999999999G}",
    "limits.memoryPerVm is 9999999999G; it must be at least 1M, the smallest VM, and below 2^53 bytes.",
  ],
  ["limits: {processesPerVm: 0}", "limits.processesPerVm is 0; it must be a whole number from 1 to 4096."],
  ["imageRoots: [images]", 'imageRoots[0] is "images"; it must be an absolute path'],
  ["imageRoots: [/a/../b]", "it must be an absolute path of a directory, without . and .. in it."],
  ["imageRoots: [/a/.]", "it must be an absolute path of a directory, without . and .. in it."],
  ["imageRoots: /a", 'imageRoots is "/a"; it must be a list of directories.'],
  ["qemu: {program: qemu}", 'qemu.program is "qemu"; it must be an absolute path of a program inside the sysroot'],
  ["qemu: {program: /}", "it must be an absolute path of a program inside the sysroot, without . and .. and empty names in it."],
  ["qemu: {program: /a/../b}", "it must be an absolute path of a program inside the sysroot"],
  ["qemu: {sysroot: /srv/./a}", "it must be an absolute path of a directory, without . and .. and empty names in it."],
  ["qemu: {sysroot: /srv//a}", "it must be an absolute path of a directory, without . and .. and empty names in it."],
  ["qemu: {sysroot: /srv/}", "it must be an absolute path of a directory, without . and .. and empty names in it."],
  ["qemu: {root: /srv}", 'unknown key "root" in qemu; known here: program, sysroot'],
  ["taps: ['a b']", 'taps[0] is "a b"; it must be a pattern of tap names'],
  ["tap: ['a']", 'unknown key "tap" in the file; did you mean "taps"?'],
  ["require: [apparmor]", 'require[0] is "apparmor"; it must be one of seccomp'],
];

for (const [line, expected] of REFUSED) {
  test(`host file: ${line}: refused with its place`, () => {
    const lines = hostProblems(line);
    assert.is(lines.length, 1, lines.join("\n"));
    assert.ok(lines[0]?.startsWith("host.yaml:1:") && lines[0].includes(expected), lines[0]);
  });
}

test("host file: the bounds themselves are accepted", () => {
  const host = parseHostText(
    "uids: 1000-65533\ncategories: c1020-c1023\nlimits: {memoryPerVm: 1M}\nimageRoots: [/, /a..b/...]",
    HOST_ORIGIN,
  );
  assert.equal(host.uids, { first: 1000, last: 65533 });
  assert.equal(host.categories, { first: 1020, last: 1023 });
  assert.is(host.limits.memoryPerVmBytes, 1024 ** 2);
  assert.equal(host.imageRoots, ["/", "/a..b/..."]);
});

test("host file: one key of qemu leaves the other at its default", () => {
  assert.equal(parseHostText("qemu: {sysroot: /srv/q..11}", HOST_ORIGIN).qemu, { ...DEFAULT_QEMU, sysroot: "/srv/q..11" });
  assert.equal(parseHostText("qemu: {program: /q}", HOST_ORIGIN).qemu, { ...DEFAULT_QEMU, program: "/q" });
  assert.equal(parseHostText("qemu: {sysroot: /}", HOST_ORIGIN).qemu, DEFAULT_QEMU);
});

test("host file: empty lists permit nothing", () => {
  const host = parseHostText("require: []\nimageRoots: []\ntaps: []", HOST_ORIGIN);
  assert.equal([host.require, host.imageRoots, host.taps], [[], [], []]);
});

test.run();
