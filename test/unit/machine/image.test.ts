import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  closeSync,
  copyFileSync,
  fstatSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SpecError } from "../../../src/errors/index.js";
import { type FileRequest, type OpenedFile, openTenantFile } from "../../../src/machine/index.js";
import { suite } from "../../support/harness.js";

const test = suite("opening of a tenant's file", { needs: ["root"] });

let root: string;
let opened: OpenedFile[];
test.beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bulkhead-images-"));
  opened = [];
  writeFileSync(`${root}/a.img`, "content");
});
test.afterEach(() => {
  for (const file of opened) closeSync(file.fd);
  rmSync(root, { recursive: true, force: true });
});

function open(path: string, access: FileRequest["access"] = "r", roots: readonly string[] | null = [root]): OpenedFile {
  const file = openTenantFile({ path, access, position: () => "web1.yaml:7:12" }, root, roots);
  opened.push(file);
  return file;
}

function assertRefused(
  path: string,
  code: string,
  answer: RegExp,
  access: FileRequest["access"] = "r",
  roots: readonly string[] | null = [root],
): void {
  assert.throws(
    () => open(path, access, roots),
    (error: unknown) => {
      assert.instance(error, SpecError);
      assert.is((error as SpecError).code, code, (error as SpecError).message);
      assert.match((error as SpecError).message, answer);
      assert.match((error as SpecError).message, /^web1\.yaml:7:12: cannot use "/);
      return true;
    },
  );
}

/** Fds of this process that lead into the image root; other parts of the process come and go. */
function fdsInRoot(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const link = readlinkSync(`/proc/self/fd/${fd}`);
      return link.startsWith(root) ? [link] : [];
    } catch {
      return []; // The fd of the listing itself.
    }
  });
}

test("regular file: read-only cannot be written", () => {
  const file = open("a.img");
  assert.is(file.sizeBytes, 7);
  assert.is(file.facts.kind, "file");
  assert.is(file.facts.path, `${root}/a.img`);
  assert.is(readSync(file.fd, Buffer.alloc(7)), 7);
  assert.throws(() => writeSync(file.fd, "x"), /EBADF/);
});

test("regular file: read-write can, and by its absolute path too", () => {
  const file = open(`${root}/a.img`, "rw");
  writeSync(file.fd, "C", 0);
  assert.is(readFileSync(`${root}/a.img`, "utf8"), "Content");
});

test("regular file: in a directory below the root, with a name that holds anything", () => {
  const name = 'a, "b" \\ c\nd=é';
  mkdirSync(`${root}/sub dir`);
  writeFileSync(`${root}/sub dir/${name}`, "");
  assert.is(open(`sub dir/${name}`).sizeBytes, 0);
  assert.is(open(`sub dir/../a.img`).facts.path, `${root}/a.img`);
});

test("log: made when absent, for its owner only, and appended to when there", () => {
  writeSync(open("new.log", "append").fd, "one ");
  writeSync(open("new.log", "append").fd, "two");
  assert.is(readFileSync(`${root}/new.log`, "utf8"), "one two");
  assert.is(fstatSync(opened[0]?.fd ?? -1).mode & 0o777, 0o600);
});

test("log: what is not a regular file is refused as an image is", () => {
  symlinkSync("/etc/passwd", `${root}/link`);
  symlinkSync("nowhere", `${root}/dangling`);
  assertRefused("link", "image-link", /symbolic link/, "append");
  assertRefused("dangling", "image-link", /symbolic link/, "append");
  assert.throws(() => readlinkSync(`${root}/nowhere`), /ENOENT/);
  mkdirSync(`${root}/dir`);
  assertRefused("dir", "image-kind", /a directory/, "append");
});

test("missing: the name is told", () => {
  assertRefused("none.img", "image-unreadable", /ENOENT/);
  assertRefused("none/a.img", "image-unreadable", /ENOENT/);
  assertRefused("a.img/b", "image-unreadable", /ENOTDIR/);
});

test("outside: by .., by an absolute path, by a root whose name only begins alike, and the root itself", () => {
  mkdirSync(`${root}/in`);
  mkdirSync(`${root}/in2`);
  writeFileSync(`${root}/in2/b.img`, "");
  const inner = [`${root}/in`];
  for (const path of ["../in2/b.img", "in/../a.img", "/etc/passwd", "in2/b.img", "in", ".", "in/.."]) {
    assertRefused(path, "image-outside-roots", /not beneath an image root/, "r", inner);
  }
});

test("several roots: a file beneath any of them", () => {
  for (const name of ["x", "y"]) {
    mkdirSync(`${root}/${name}`);
    writeFileSync(`${root}/${name}/b.img`, "");
  }
  assert.is(open("y/b.img", "r", [`${root}/x`, `${root}/y`]).facts.path, `${root}/y/b.img`);
});

test("symbolic link: as the file, as a directory on the way, within the root or out of it", () => {
  mkdirSync(`${root}/dir`);
  writeFileSync(`${root}/dir/b.img`, "");
  symlinkSync("a.img", `${root}/inside`);
  symlinkSync("/etc/passwd", `${root}/outside`);
  symlinkSync("dir", `${root}/way`);
  symlinkSync("/proc/self/fd/0", `${root}/magic`);
  for (const path of ["inside", "outside", "way/b.img", "magic"]) assertRefused(path, "image-link", /symbolic link/);
});

test("hard link: a file with two names is refused, and taken again when one is gone", () => {
  linkSync(`${root}/a.img`, `${root}/b.img`);
  assertRefused("a.img", "image-link", /2 hard links/);
  rmSync(`${root}/b.img`);
  open("a.img");
});

test("kinds: a directory, a FIFO, a socket and a character device are refused, and none of them hangs", async () => {
  mkdirSync(`${root}/dir`);
  assert.is(spawnSync("mkfifo", [`${root}/fifo`]).status, 0);
  assert.is(spawnSync("mknod", [`${root}/null`, "c", "1", "3"]).status, 0);
  const server = createServer().listen(`${root}/socket`);
  await once(server, "listening");
  for (const access of ["r", "rw", "append"] as const) {
    assertRefused("dir", "image-kind", /a directory/, access);
    assertRefused("fifo", "image-kind", /a FIFO/, access);
    assertRefused("socket", "image-kind", /a socket/, access);
    assertRefused("null", "image-kind", /a character device/, access);
  }
  server.close();
});

test("owner: another than root and the image root's is refused", () => {
  chownSync(`${root}/a.img`, 12345, 0);
  assertRefused("a.img", "image-owner", /uid 12345 owns it/);
  chownSync(root, 12345, 0);
  open("a.img");
});

test("read-only file: read-write is refused with the kernel's answer", async () => {
  // A program that runs: nobody may write to it, not even root.
  copyFileSync("/bin/sleep", `${root}/busy`);
  const child = spawn(`${root}/busy`, ["60"]);
  await once(child, "spawn");
  try {
    assertRefused("busy", "image-unreadable", /opening it read-write: open: ETXTBSY.*readOnly: true/, "rw");
    open("busy", "r");
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
  }
});

test("whatever is refused leaves no fd open", () => {
  mkdirSync(`${root}/dir`);
  symlinkSync("a.img", `${root}/link`);
  for (const path of ["dir", "link", "none", "../x", "dir/none"]) assert.throws(() => open(path));
  assert.equal(fdsInRoot(), []);
});

test("the fd is not inherited by programs", () => {
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${open("a.img").fd}`, "utf8"))?.[1] ?? "0";
  // O_CLOEXEC: include/uapi/asm-generic/fcntl.h.
  assert.is(Number.parseInt(flags, 8) & 0o2000000, 0o2000000);
});

test("without any image root: refused with what to do", () => {
  assertRefused("a.img", "stdin-needs-image-roots", /standard input.*imageRoots in the host file/, "r", null);
});

test.run();
