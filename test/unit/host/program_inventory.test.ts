import { createHash } from "node:crypto";
import { appendFileSync, chmodSync, chownSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { HostError } from "../../../src/errors/index.js";
import { isCurrent, takeInventory } from "../../../src/host/index.js";
import { INTERPRETER, listLibraries } from "../../../src/host/library_closure.js";
import { suite } from "../../support/harness.js";
import { SmallInstallation } from "./small_installation.js";

const test = suite("inventory of a program in a sysroot", { needs: ["root"], timeoutMs: 10_000 });

let installed: SmallInstallation;
test.beforeEach(() => {
  installed = new SmallInstallation();
});
test.afterEach(() => installed.remove());

function take(paths: readonly string[] = [], optional = false) {
  const files = paths.map((path) => ({ path, optional }));
  return takeInventory({ sysroot: installed.sysroot, program: installed.program, files });
}

async function assertHostError(promise: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.instance(error, HostError);
  assert.is((error as HostError).code, code);
  assert.match((error as HostError).message, text);
}

test("libraries: what the loader of the sysroot resolves, the loader itself included, once each and sorted", async () => {
  const libraries = await listLibraries(installed.sysroot, [installed.program, installed.program, installed.library]);
  assert.equal(libraries, ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/usr/lib/libsmall.so.1"]);
});

test("libraries: the caller's environment chooses none of them", async () => {
  installed.write("/usr/decoy/libc.so.6", "");
  writeFileSync(installed.path("/usr/decoy/libc.so.6"), readFileSync("/lib/x86_64-linux-gnu/libc.so.6"));
  process.env["LD_LIBRARY_PATH"] = "/usr/decoy";
  try {
    const libraries = await listLibraries(installed.sysroot, [installed.program]);
    assert.ok(libraries.includes("/lib/x86_64-linux-gnu/libc.so.6"));
    assert.not.ok(libraries.some((library) => library.includes("decoy")));
  } finally {
    delete process.env["LD_LIBRARY_PATH"];
  }
});

test("libraries: a path with spaces is taken whole", async () => {
  const library = "/usr/lib/my libs/libsmall.so.1";
  const spaced = new SmallInstallation(library);
  try {
    assert.ok((await listLibraries(spaced.sysroot, [spaced.program])).includes(library));
  } finally {
    spaced.remove();
  }
});

test("libraries: one that is missing is named", async () => {
  rmSync(installed.path(installed.library));
  await assertHostError(listLibraries(installed.sysroot, [installed.program]), "library-missing", /libsmall\.so\.1/);
});

test("libraries: what is no program is refused", async () => {
  writeFileSync(installed.path(installed.program), "text");
  await assertHostError(listLibraries(installed.sysroot, [installed.program]), "library-missing", /usr\/bin\/small/);
});

test("inventory: version, files in order, and links of the top level", async () => {
  const inventory = await take(["/usr/share/small/*.rom"]);
  assert.is(inventory.version, "small 1.2.3");
  assert.equal(
    inventory.files.map((file) => file.target),
    [
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/ld-linux-x86-64.so.2",
      "/usr/bin/small",
      "/usr/lib/libsmall.so.1",
      "/usr/share/small/a.rom",
      "/usr/share/small/b.rom",
    ],
  );
  assert.equal(inventory.links, [
    { target: "/lib", to: "usr/lib" },
    { target: "/lib64", to: "usr/lib64" },
  ]);
});

test("inventory: the program can be executed and not read, the loader both, data read only", async () => {
  const modes = new Map((await take(["/usr/share/small/a.rom"])).files.map((file) => [file.target, file.mode]));
  assert.is(modes.get("/usr/bin/small"), 0o111);
  assert.is(modes.get("/lib64/ld-linux-x86-64.so.2"), 0o555);
  assert.is(modes.get("/usr/lib/libsmall.so.1"), 0o444);
  assert.is(modes.get("/usr/share/small/a.rom"), 0o444);
});

test("inventory: size, hash and source of a file are those of its content, links resolved inside the sysroot", async () => {
  installed.write("/usr/share/small/b.rom", "changed");
  symlinkSync("b.rom", installed.path("/usr/share/small/near.rom"));
  symlinkSync("/usr/share/small/near.rom", installed.path("/usr/share/small/far.rom"));
  const inventory = await take(["/usr/share/small/near.rom", "/usr/share/small/far.rom"]);
  for (const target of ["/usr/share/small/near.rom", "/usr/share/small/far.rom"]) {
    const file = inventory.files.find((candidate) => candidate.target === target);
    assert.is(file?.source, installed.path("/usr/share/small/b.rom"));
    assert.is(file?.sizeBytes, 7);
    assert.is(file?.sha256, createHash("sha256").update("changed").digest("hex"));
  }
});

test("inventory: its hash follows contents, not places and times", async () => {
  const first = await take(["/usr/share/small/a.rom"]);
  utimesSync(installed.path("/usr/share/small/a.rom"), 1, 1);
  assert.is((await take(["/usr/share/small/a.rom"])).sha256, first.sha256);
  assert.is.not((await take()).sha256, first.sha256);
  installed.write("/usr/share/small/a.rom", "b");
  assert.is.not((await take(["/usr/share/small/a.rom"])).sha256, first.sha256);
});

test("inventory: a further library's own libraries are taken too", async () => {
  const other = "/usr/lib/other.so";
  writeFileSync(installed.path(other), readFileSync(installed.path(installed.library)));
  const targets = (await take([other])).files.map((file) => file.target);
  assert.ok(targets.includes(other));
});

for (const path of ["/usr/share/small/none.rom", "/usr/share/small/none*", "/usr/none/a.rom", "/none/a.rom"]) {
  test(`inventory: ${path} is refused and named, and left out where it is optional`, async () => {
    await assertHostError(take([path]), "program-file-missing", /^Cannot read \/\S*none/);
    assert.is((await take([path], true)).sha256, (await take()).sha256);
  });
}

test("inventory: a link that leads out of the sysroot leads to nothing", async () => {
  symlinkSync("../../../../../../../../etc/hostname", installed.path("/usr/share/small/up.rom"));
  symlinkSync("/etc/hostname", installed.path("/usr/share/small/out.rom"));
  for (const name of ["up", "out"])
    await assertHostError(take([`/usr/share/small/${name}.rom`]), "program-file-missing", /\.rom/);
});

test("inventory: a program without a version is refused", async () => {
  writeFileSync(installed.path(installed.program), readFileSync(installed.path(installed.library)), { mode: 0o755 });
  await assertHostError(take(), "program-silent", /--version|version/);
});

test("currency: as long as no file changed, and never after", async () => {
  const inventory = await take(["/usr/share/small/a.rom"]);
  assert.ok(isCurrent(inventory));
  appendFileSync(installed.path("/usr/share/small/a.rom"), "more");
  assert.not.ok(isCurrent(inventory));
});

test("currency: a file of the same size and time, written in place or put in its place, is noticed", async () => {
  const path = installed.path("/usr/share/small/a.rom");
  utimesSync(path, 1, 1);
  const inventory = await take(["/usr/share/small/a.rom"]);
  writeFileSync(path, "b");
  utimesSync(path, 1, 1);
  assert.not.ok(isCurrent(inventory));
  const again = await take(["/usr/share/small/a.rom"]);
  rmSync(path);
  assert.not.ok(isCurrent(again));
  installed.write("/usr/share/small/a.rom", "b");
  utimesSync(path, 1, 1);
  assert.not.ok(isCurrent(again));
});

test("a sysroot that others may change: refused before anything of it runs", async () => {
  const [program, loader] = [installed.program, INTERPRETER].map((path) => join(installed.sysroot, path)) as [string, string];
  for (const [spoil, mend, answer] of [
    [() => chownSync(program, 12_345, 0), () => chownSync(program, 0, 0), /small belongs to uid 12345/],
    [() => chmodSync(loader, 0o777), () => chmodSync(loader, 0o755), /ld-linux-x86-64.so.2 has mode 777/],
    [() => chmodSync(installed.sysroot, 0o777), () => chmodSync(installed.sysroot, 0o755), /has mode 777/],
  ] as const) {
    spoil();
    try {
      await take();
      assert.unreachable();
    } catch (error) {
      assert.instance(error, HostError);
      assert.is((error as HostError).code, "sysroot-untrusted");
      assert.match((error as HostError).message, answer);
    }
    mend();
  }
  assert.is((await take()).version, "small 1.2.3");
});

test.run();
