import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SandboxError } from "../../../src/errors/index.js";
import type { ProgramInventory } from "../../../src/host/index.js";
import { addon } from "../../../src/kernel/index.js";
import { prepareRoot, removeUnwantedRoots, rootsDirectory } from "../../../src/sandbox/index.js";
import { compareRoot } from "../../../src/verify/index.js";
import { suite } from "../../support/harness.js";

const test = suite("private root of a program", { needs: ["root"] });

let base: string;
let inventory: ProgramInventory;
test.beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "bulkhead-root-"));
  mkdirSync(`${base}/source`);
  inventory = {
    program: "/usr/bin/small",
    sysroot: "/",
    version: "1",
    files: [fileOf("/usr/bin/small", 0o111), fileOf("/lib64/ld.so", 0o555), fileOf("/usr/share/small/a.rom", 0o444)],
    links: [{ target: "/lib64", to: "usr/lib64" }],
    sha256: "a".repeat(64),
  };
});
test.afterEach(() => rmSync(base, { recursive: true, force: true }));

function fileOf(target: string, mode: number): ProgramInventory["files"][number] {
  const source = `${base}/source/${target.replaceAll("/", "_")}`;
  writeFileSync(source, target);
  const sha256 = createHash("sha256").update(target).digest("hex");
  return { target, source, mode, sizeBytes: target.length, sha256, signature: "" };
}

test("prepare: exactly the inventory, links at the top, mount points, modes and owner", async () => {
  const root = await prepareRoot(`${base}/cache`, inventory);
  assert.is(root, `${rootsDirectory(`${base}/cache`)}/${inventory.sha256}`);
  assert.equal(compareRoot(root, inventory), []);
  assert.equal(readdirSync(root).sort(), ["boot", "dev", "lib64", "usr"]);
  assert.is(statSync(`${root}/usr/bin/small`).mode & 0o7777, 0o111);
  assert.is(statSync(`${root}/lib64/ld.so`).mode & 0o7777, 0o555);
});

test("prepare: a root that stands is used as it is", async () => {
  const first = await prepareRoot(`${base}/cache`, inventory);
  const { ino } = statSync(first);
  assert.is(statSync(await prepareRoot(`${base}/cache`, inventory)).ino, ino);
});

test("prepare: a root that was changed is replaced, and nothing is left beside it", async () => {
  const root = await prepareRoot(`${base}/cache`, inventory);
  writeFileSync(`${root}/usr/bin/other`, "");
  assert.is(await prepareRoot(`${base}/cache`, inventory), root);
  assert.equal(compareRoot(root, inventory), []);
  assert.equal(readdirSync(rootsDirectory(`${base}/cache`)), [inventory.sha256]);
});

test("prepare: launches side by side all get one complete root, which stays whole for who runs from it", async () => {
  const cache = join(base, "side-by-side");
  const inodes = await Promise.all(
    [1, 2, 3, 4].map(async () => {
      const root = await prepareRoot(cache, inventory);
      return statSync(root).ino;
    }),
  );
  assert.is(new Set(inodes).size, 1, "a root was replaced under a process that may run from it");
  assert.equal(compareRoot(join(rootsDirectory(cache), inventory.sha256), inventory), []);
  assert.equal(readdirSync(rootsDirectory(cache)), [inventory.sha256]);
});

test("prepare: a source that is gone is refused, and no half root takes the place", async () => {
  rmSync(`${base}/source/_usr_bin_small`);
  const error = await prepareRoot(`${base}/cache`, inventory).catch((reason: unknown) => reason);
  assert.instance(error, SandboxError);
  assert.is((error as SandboxError).code, "root-unbuildable");
  assert.not.ok(existsSync(`${rootsDirectory(`${base}/cache`)}/${inventory.sha256}`));
});

test("compare: a root that is not there is one difference", () => {
  assert.equal(compareRoot(`${base}/none`, inventory), [`${base}/none is missing`]);
});

const CHANGES: readonly (readonly [what: string, change: (root: string) => void, said: RegExp])[] = [
  ["a file more", (root) => writeFileSync(`${root}/usr/bin/more`, ""), /^\/usr\/bin\/more: not planned$/],
  ["a directory more", (root) => mkdirSync(`${root}/etc`), /^\/etc: not planned$/],
  ["a link more", (root) => symlinkSync("/etc", `${root}/usr/etc`), /^\/usr\/etc: not planned$/],
  ["a file less", (root) => rmSync(`${root}/usr/share/small/a.rom`), /a\.rom: planned .*, observed nothing$/],
  ["a mount point less", (root) => rmSync(`${root}/boot`, { recursive: true }), /^\/boot: planned .*, observed nothing$/],
  [
    "another size",
    (root) => writeFileSync(`${root}/usr/share/small/a.rom`, "x"),
    /a\.rom: planned .*, observed file 444 of 0:0, 1 bytes, written at \d/,
  ],
  ["another mode", (root) => chmodSync(`${root}/usr/bin/small`, 0o511), /small: planned file 111 .*, observed file 511/],
  ["a set-uid bit", (root) => chmodSync(`${root}/usr/bin/small`, 0o4111), /small: planned file 111 .*, observed file 4111/],
  ["another owner of a file", (root) => chownSync(`${root}/usr/bin/small`, 7, 0), /small: .*, observed file \d+ of 7:0/],
  [
    "another group of a directory",
    (root) => chownSync(`${root}/usr/bin`, 0, 7),
    /^\/usr\/bin: .*, observed directory 755 of 0:7$/,
  ],
  ["a writable directory", (root) => chmodSync(`${root}/usr`, 0o777), /^\/usr: .*, observed directory 777/],
  [
    "a link in place of a file",
    (root) => {
      rmSync(`${root}/usr/share/small/a.rom`);
      symlinkSync("/etc/passwd", `${root}/usr/share/small/a.rom`);
    },
    /a\.rom: planned file .*, observed link/,
  ],
];

for (const [what, change, said] of CHANGES) {
  test(`compare: ${what} is a difference`, async () => {
    const root = await prepareRoot(`${base}/cache`, inventory);
    change(root);
    const differences = compareRoot(root, inventory);
    assert.is(differences.length, 1, differences.join("\n"));
    assert.match(differences[0] ?? "", said);
  });
}

test("compare: a link that leads elsewhere is a difference", async () => {
  const root = await prepareRoot(`${base}/cache`, inventory);
  rmSync(`${root}/lib64`);
  symlinkSync("usr/bin", `${root}/lib64`);
  assert.ok(compareRoot(root, inventory).length > 0);
});

test("compare: another mode of the root itself is a difference", async () => {
  const root = await prepareRoot(`${base}/cache`, inventory);
  chmodSync(root, 0o777);
  assert.ok(compareRoot(root, inventory).length > 0);
});

test("compare: what is mounted on a mount point is not looked at, what lies in one is a difference", async () => {
  const root = await prepareRoot(`${base}/cache`, inventory);
  writeFileSync(`${root}/dev/null`, "");
  assert.equal(compareRoot(root, inventory, ["/dev"]), []);
  assert.equal(compareRoot(root, inventory), ["/dev/null: not planned"]);
});

test("compare: other content of the same size is a difference", async () => {
  const root = await prepareRoot(`${base}/cache`, inventory);
  const path = `${root}/usr/share/small/a.rom`;
  const { length } = readFileSync(path);
  writeFileSync(path, "x".repeat(length));
  assert.match(compareRoot(root, inventory)[0] ?? "", /a\.rom: planned .*, written at 1, observed .*, written at \d{2,}/);
});

test("prepare: a source that changed since it was hashed is refused", async () => {
  const [file, ...others] = inventory.files;
  if (file === undefined) throw new Error("the fixture has files");
  const stale = { ...inventory, sha256: "f".repeat(64), files: [{ ...file, sha256: "0".repeat(64) }, ...others] };
  const error = await prepareRoot(`${base}/cache`, stale).catch((reason: unknown) => reason);
  assert.match((error as SandboxError).message, /changed while it was copied/);
});

test("unwanted roots: half-built ones without a builder and outdated ones go, one that is being built and a wanted one stay", async () => {
  const cache = `${base}/cache`;
  await prepareRoot(cache, inventory);
  await prepareRoot(cache, { ...inventory, sha256: "b".repeat(64) });
  const building = `${rootsDirectory(cache)}/.building-alive`;
  mkdirSync(building);
  mkdirSync(`${rootsDirectory(cache)}/.building-dead/usr`, { recursive: true });
  const fd = openSync(building, "r");
  assert.ok(addon.tryLock({ fd }));
  const removed = await removeUnwantedRoots(cache, (name) => name === inventory.sha256);
  assert.equal(removed.sort(), [".building-dead", "b".repeat(64)]);
  assert.equal(readdirSync(rootsDirectory(cache)).sort(), [".building-alive", inventory.sha256]);
  closeSync(fd);
});

test.run();
