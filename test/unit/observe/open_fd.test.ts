import { closeSync, constants, fstatSync, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import { type ObservedFd, observeFds, ProcessDirectory } from "../../../src/observe/index.js";
import { suite } from "../../support/harness.js";

const test = suite("open fds of this process");

/** O_PATH: include/uapi/asm-generic/fcntl.h. */
const O_PATH = 0o10000000;

let folder: string;
let fds: number[];
test.beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-fds-"));
  writeFileSync(`${folder}/file`, "");
  fds = [];
});
test.afterEach(() => {
  for (const fd of fds) closeSync(fd);
  rmSync(folder, { recursive: true });
});

function keep<T extends readonly number[]>(...opened: T): T {
  fds.push(...opened);
  return opened;
}

function observe(): ObservedFd[] {
  const directory = new ProcessDirectory(process.pid);
  try {
    return observeFds(directory);
  } finally {
    directory.close();
  }
}

function find(fd: number): ObservedFd {
  const found = observe().find((observed) => observed.fd === fd);
  if (found === undefined) throw new Error(`fd ${fd} was not seen`);
  return found;
}

test("pipe: one end reads, the other writes, and both are one object", () => {
  const [reader, writer] = keep(...addon.pipePair());
  assert.equal([find(reader).kind, find(reader).access], ["pipe", "r"]);
  assert.equal([find(writer).kind, find(writer).access], ["pipe", "w"]);
  assert.is(find(reader).inode, find(writer).inode);
});

test("socket: both ends read and write, and are two objects", () => {
  const [one, other] = keep(...addon.socketPair());
  assert.equal([find(one).kind, find(one).access], ["socket", "rw"]);
  assert.is.not(find(one).inode, find(other).inode);
});

for (const [flags, access] of [["r", "r"] as const, ["a", "w"] as const, ["r+", "rw"] as const]) {
  test(`file: opened as "${flags}" it is ${access}`, () => {
    const [fd] = keep(openSync(`${folder}/file`, flags));
    const facts = fstatSync(fd);
    assert.equal(find(fd), { fd, link: `${folder}/file`, kind: "file", access, inode: `${facts.dev}:${facts.ino}` });
  });
}

test("file: a removed one is a file still", () => {
  const [fd] = keep(openSync(`${folder}/file`, "r"));
  unlinkSync(`${folder}/file`);
  assert.is(find(fd).kind, "file");
  assert.match(find(fd).link, / \(deleted\)$/);
});

test("O_PATH: no access, whatever the flags say beside it", () => {
  const [fd] = keep(openSync(`${folder}/file`, O_PATH));
  assert.is(find(fd).access, "path");
  const [directory] = keep(openSync(folder, O_PATH | constants.O_DIRECTORY));
  assert.equal([find(directory).kind, find(directory).access], ["directory", "path"]);
});

test("directory and character devices by their kind, not by their name", () => {
  const [directory, nothing, zero, full] = keep(
    openSync(folder, "r"),
    openSync("/dev/null", "r"),
    openSync("/dev/zero", "r"),
    openSync("/dev/full", "r"),
  );
  assert.is(find(directory).kind, "directory");
  assert.is(find(nothing).kind, "null");
  assert.is(find(zero).kind, "zero");
  assert.is(find(full).kind, "char-1:7");
});

test("a file that is named like an anonymous object is a file", () => {
  for (const name of ["socket:[1]", "pipe:[1]", "anon_inode:[eventfd]", "memfd:x"]) {
    const [fd] = keep(openSync(join(folder, name), "w"));
    assert.is(find(fd).kind, "file", name);
  }
});

test("what Node itself made: an epoll and an eventfd at least", () => {
  const kinds = new Set(observe().map((fd) => fd.kind));
  assert.ok(kinds.has("epoll"), [...kinds].join(", "));
  assert.ok(kinds.has("eventfd"), [...kinds].join(", "));
});

test("fds that KVM and io_uring make go by the names that policies use", () => {
  const directory = new ProcessDirectory(process.pid);
  const fake = {
    list: () => ["3", "4", "5"],
    link: (name: string) => ["anon_inode:kvm-vm", "anon_inode:kvm-vcpu:0", "anon_inode:[io_uring]"][Number(name.slice(3)) - 3],
    describe: () => directory.describe("status"),
    readStart: () => ({ bytes: Buffer.from("pos:\t0\nflags:\t02000002\n"), whole: true }),
  } as unknown as ProcessDirectory;
  assert.equal(
    observeFds(fake).map((fd) => [fd.kind, fd.access]),
    [
      ["kvm-vm", "rw"],
      ["kvm-vcpu", "rw"],
      ["io-uring", "rw"],
    ],
  );
  directory.close();
});

test("fds come in the order of their numbers", () => {
  keep(...addon.pipePair(), ...addon.socketPair(), openSync("/dev/null", "r"), openSync(folder, "r"));
  const numbers = observe().map((fd) => fd.fd);
  assert.equal(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
});

test.run();
