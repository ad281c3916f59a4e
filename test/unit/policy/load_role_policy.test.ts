import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { PolicyFolder } from "./policy_folder.js";

const test = suite("loading a role policy");

let folder: PolicyFolder;
test.beforeEach(() => {
  folder = new PolicyFolder();
});
test.afterEach(() => folder.remove());

test("a role and its sets: rules in order of mention, a set that is included twice counted once", () => {
  folder.writeRole("include: [a, b]\nseccomp:\n  run:\n    - read: {why: r}\n");
  folder.write("sets/a.yaml", "set: a\nsummary: A.\ninclude: [b]\nseccomp:\n  run:\n    - write: {why: w}\n");
  folder.write(
    "sets/b.yaml",
    "set: b\nsummary: B.\nseccomp:\n  start:\n    - openat: {why: o}\n    - read: {why: also at start}\n",
  );
  const policy = folder.load();
  assert.equal(policy.sources, ["roles/cache.yaml", "sets/a.yaml", "sets/b.yaml"]);
  assert.equal(
    policy.seccomp.run.map(({ syscall }) => syscall),
    ["read", "write"],
  );
  assert.equal(
    policy.seccomp.start.map(({ syscall }) => syscall),
    ["openat"],
  );
  assert.equal(policy.seccomp.run[0]?.position, { file: "roles/cache.yaml", line: 7, column: 7 });
  assert.equal(policy.limits, { openFilesMax: 64, threadsMax: 8, overheadBytes: 64 * 1024 * 1024, lockedBytesMax: 0 });
});

test("files: needed unless they say that they are optional", () => {
  folder.writeRole("files: [{path: /a, why: f}, {path: /b, optional: true, why: f}, {path: /c, optional: false, why: f}]\n");
  assert.equal(
    folder.load().files.map(({ path, optional }) => [path, optional]),
    [
      ["/a", false],
      ["/b", true],
      ["/c", false],
    ],
  );
});

test("the hash: changes with the content and not with a comment", () => {
  folder.writeRole("seccomp: {run: [{read: {why: r}}]}\n");
  const { sha256 } = folder.load();
  folder.writeRole("# a comment\nseccomp: {run: [{read: {why: r}}]}\n");
  assert.is(folder.load().sha256, sha256);
  folder.writeRole("seccomp: {run: [{write: {why: r}}]}\n");
  assert.is.not(folder.load().sha256, sha256);
});

test("several problems: all are reported at once, each with its file", () => {
  folder.writeRole("include: [a]\nseccomp: {run: [{raed: {why: r}}, {write: {}}]}\n");
  folder.write("sets/a.yaml", "set: b\nseccomp: {run: [{read: {why: r, fd: X}}]}\n");
  const lines = folder.refusal().message.split("\n");
  assert.is(lines.length, 5, lines.join("\n"));
  assert.is(lines.filter((line) => line.startsWith("sets/a.yaml:")).length, 3);
});

test("a set that includes itself by way of another: refused with the way", () => {
  folder.writeRole("include: [a]\n");
  folder.write("sets/a.yaml", "set: a\nsummary: A.\ninclude: [b]\n");
  folder.write("sets/b.yaml", "set: b\nsummary: B.\ninclude: [a]\n");
  assert.match(folder.refusal().message, /sets\/b\.yaml:3:11: set a includes itself: a -> b -> a/);
});

test("a role without limits: refused", () => {
  folder.write("roles/cache.yaml", "role: cache\nsummary: A cache.\n");
  assert.match(folder.refusal().message, /limits must be a mapping, not empty/);
});

test("an empty file: refused", () => {
  folder.write("roles/cache.yaml", "# nothing\n");
  assert.match(folder.refusal().message, /the file is empty/);
});

test("a file under another's name: refused", () => {
  folder.write("roles/cache.yaml", "role: disk\nsummary: A disk.\n");
  assert.match(folder.refusal().message, /:1:1: "role" must be cache, as the file is named/);
});

test("a role name that is a path or unknown: refused with the roles there are", () => {
  folder.writeRole("");
  for (const role of ["../sets/a", "Cache", "cach", "", "a".repeat(40)]) {
    const { code } = folder.refusal(role);
    assert.is(code, "role-unknown", role);
  }
  assert.match(folder.refusal("cach").message, /did you mean "cache"\?/);
});

test("a policy file that is a symbolic link, too large or not UTF-8: refused unread", () => {
  folder.writeRole("include: [a]\n");
  symlinkSync("/etc/passwd", join(folder.path, "sets/a.yaml"));
  assert.is(folder.refusal().code, "policy-unreadable");
  rmSync(join(folder.path, "sets/a.yaml"));
  folder.write("sets/a.yaml", "#".repeat(200_000));
  assert.match(folder.refusal().message, /200000 bytes, more than/);
  folder.write("sets/a.yaml", Buffer.from([0xff, 0xfe, 0x80]));
  assert.match(folder.refusal().message, /not UTF-8/);
});

test.run();
