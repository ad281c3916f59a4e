import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { PolicyFolder } from "./policy_folder.js";

const test = suite("conditions of a rule");

let folder: PolicyFolder;
test.beforeEach(() => {
  folder = new PolicyFolder();
});
test.afterEach(() => folder.remove());

/** A rule's conditions as written, and the check that they become. */
const CHECKS: readonly (readonly [rule: string, text: string, rest: Record<string, unknown>])[] = [
  ["ioctl: {request: FIONBIO", "request == FIONBIO", { index: 1, width: 32, op: "==", value: 0x5421n }],
  [
    "ioctl: {request: [FIONBIO, FIOCLEX]",
    "request in [FIONBIO, FIOCLEX]",
    { index: 1, width: 32, op: "in", values: [0x5421n, 0x5451n] },
  ],
  [
    "mmap: {prot: {without: PROT_EXEC}",
    "prot without PROT_EXEC",
    { index: 2, width: 64, op: "masked-equal", mask: 4n, value: 0n },
  ],
  ["mmap: {prot: {with: PROT_EXEC}", "prot with PROT_EXEC", { index: 2, width: 64, op: "masked-equal", mask: 4n, value: 4n }],
  [
    "eventfd2: {flags: {only: [EFD_NONBLOCK]}",
    "flags only EFD_NONBLOCK",
    { index: 1, width: 32, op: "masked-equal", mask: 0xfffff7ffn, value: 0n },
  ],
  [
    'clone: {flags: {mask: "CLONE_VM|CLONE_VFORK", equals: CLONE_VM}',
    "flags & (CLONE_VM|CLONE_VFORK) equals CLONE_VM",
    { index: 0, width: 64, op: "masked-equal", mask: 0x4100n, value: 0x100n },
  ],
  [
    "clone: {flags: {mask: CLONE_VM, differs: 0}",
    "flags & (CLONE_VM) differs 0",
    { index: 0, width: 64, op: "masked-not-equal", mask: 0x100n, value: 0n },
  ],
  ['read: {count: {"<=": 4096}', "count <= 4096", { index: 2, width: 64, op: "<=", value: 4096n }],
  ["read: {fd: {not-in: [0, -1]}", "fd not-in [0, -1]", { index: 0, width: 32, op: "not-in", values: [0n, 0xffffffffn] }],
  ["openat: {dirfd: AT_FDCWD", "dirfd == AT_FDCWD", { index: 0, width: 32, op: "==", value: 0xffffff9cn }],
  ['swapon: {arg1: {"==": 0, width: 32}', "arg1 == 0", { index: 1, width: 32, op: "==", value: 0n }],
  ["ioctl: {request: {in: [FIONBIO], width: 64}", "request in [FIONBIO]", { index: 1, width: 64, op: "in", values: [0x5421n] }],
];
for (const [rule, text, rest] of CHECKS) {
  test(`a condition: ${text}`, () => {
    folder.writeRole(`seccomp: {run: [{${rule}, why: it is tried}}]}\n`);
    assert.equal(folder.load().seccomp.run[0]?.checks, [{ text, ...rest }]);
  });
}

test("a condition with a constant of the file's own: takes its value", () => {
  folder.writeRole(
    "constants: {VFIO_API: {value: 15204, header: linux/vfio.h}}\nseccomp: {run: [{ioctl: {request: VFIO_API, why: v}}]}\n",
  );
  const [check] = folder.load().seccomp.run[0]?.checks ?? [];
  assert.ok(check?.op === "==" && check.value === 15204n);
});

test("an errno answer: by its symbolic name", () => {
  folder.writeRole("seccomp: {run: [{clone3: {errno: ENOSYS, why: fall back}}]}\n");
  assert.equal(folder.load().seccomp.run[0]?.action, { kind: "errno", errno: 38, name: "ENOSYS" });
});

test.run();
