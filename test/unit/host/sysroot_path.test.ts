import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { resolveInSysroot } from "../../../src/host/sysroot_path.js";
import { suite } from "../../support/harness.js";

const test = suite("paths inside a sysroot");

let sysroot = "";
test.before(async () => {
  sysroot = await mkdtemp(join(tmpdir(), "bulkhead-sysroot-"));
  await mkdir(join(sysroot, "usr/lib/x"), { recursive: true });
  await writeFile(join(sysroot, "usr/lib/x/a.so.1"), "");
  const links = [
    ["usr/lib", "lib"],
    ["/usr/lib/x", "absolute"],
    ["/usr/lib/x/a.so.1", "usr/lib/x/a.so"],
    ["../../../../../../usr", "climbs"],
    ["loop", "loop"],
    ["/etc/hostname", "outside"],
  ] as const;
  for (const [to, name] of links) await symlink(to, join(sysroot, name));
});
test.after(() => rm(sysroot, { recursive: true }));

for (const path of [
  "/usr/lib/x/a.so.1",
  "/lib/x/a.so.1",
  "/lib/x/a.so",
  "/absolute/a.so",
  "/climbs/lib/x/a.so",
  "/usr/../lib/./x/a.so",
]) {
  test(`${path}: the file of the sysroot`, async () => {
    assert.is(await resolveInSysroot(sysroot, path), join(sysroot, "usr/lib/x/a.so.1"));
  });
}

for (const [path, code] of [
  ["/outside", "ENOENT"],
  ["/absent", "ENOENT"],
  ["/loop", "ELOOP"],
  ["/usr/lib/x/a.so.1/b", "ENOTDIR"],
] as const) {
  test(`${path}: ${code}, whatever the host has there`, async () => {
    const error = await resolveInSysroot(sysroot, path).catch((reason: NodeJS.ErrnoException) => reason);
    assert.is((error as NodeJS.ErrnoException).code, code);
  });
}

test.run();
