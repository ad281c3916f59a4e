import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { parseMountinfo } from "../../../src/observe/index.js";
import { suite } from "../../support/harness.js";

const test = suite("mounts of a process");

const LINE = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";

test("target, shown directory, type and sorted options, with any number of optional fields", () => {
  const expected = {
    target: "/mnt2",
    root: "/mnt1",
    type: "ext3",
    options: ["noatime", "rw"],
    superOptions: ["rw", "errors=continue"],
  };
  for (const optional of ["", "master:1 ", "shared:2 master:1 propagate_from:3 unbindable "]) {
    assert.equal(parseMountinfo(`${LINE.replace("master:1 ", optional)}\n`), [expected]);
  }
});

test("space, tab, newline and backslash in paths are read from their octal escapes", () => {
  const [mount] = parseMountinfo("1 2 0:3 /a\\040b\\134 /c\\011d\\012e\\134040 ro,nosuid - tmpfs none rw\n");
  assert.is(mount?.root, "/a b\\");
  assert.is(mount?.target, "/c\td\ne\\040");
  assert.equal(mount?.options, ["nosuid", "ro"]);
});

test("a directory of a namespace file, and a path that ends in a dash", () => {
  const [namespace, dash] = parseMountinfo("1 2 0:4 net:[4026531840] /run/ns rw - nsfs nsfs rw\n1 2 0:5 / /a/- rw - proc p rw\n");
  assert.equal([namespace?.root, namespace?.type], ["net:[4026531840]", "nsfs"]);
  assert.equal([dash?.target, dash?.type], ["/a/-", "proc"]);
});

test("every mount of this process has a target and a type", () => {
  const text = readFileSync("/proc/self/mountinfo", "utf8");
  const mounts = parseMountinfo(text);
  assert.is(mounts.length, text.trimEnd().split("\n").length);
  for (const mount of mounts) assert.ok(mount.target.startsWith("/") && mount.type !== "" && mount.options.length > 0);
});

test.run();
