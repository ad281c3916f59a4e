import { once } from "node:events";
import fs, { openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import { connectSerial } from "../../../src/machine/serial_console.js";
import { suite } from "../../support/harness.js";

const test = suite("the guest's serial console");

const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

/** The VMM's end of a console that goes to a file. */
function guestOf(path: string): Socket {
  const [own, theirs] = addon.socketPair();
  connectSerial(theirs, { kind: "file", fd: openSync(path, "a") });
  return new Socket({ fd: own });
}

test("file: a full disk ends the log, and the guest writes on", async () => {
  const guest = guestOf("/dev/full");
  for (const text of ["first", "second", "third"]) {
    guest.write(text);
    await settle();
  }
  assert.not.ok(guest.destroyed);
  guest.destroy();
});

test("file: what the guest writes is there", async () => {
  const path = `${tmpdir()}/bulkhead-serial-${process.pid}.log`;
  try {
    const guest = guestOf(path);
    guest.write("hello");
    await settle();
    assert.is(readFileSync(path, "utf8"), "hello");
    guest.destroy();
  } finally {
    rmSync(path, { force: true });
  }
});

test("file: a full log begins anew, and what earlier runs left counts", async () => {
  const path = `${tmpdir()}/bulkhead-serial-full-${process.pid}.log`;
  try {
    writeFileSync(path, "");
    truncateSync(path, 64 * 1024 * 1024 - 4);
    const guest = guestOf(path);
    guest.write("1234");
    await settle();
    assert.is(statSync(path).size, 64 * 1024 * 1024);
    guest.write("latest");
    await settle();
    assert.is(readFileSync(path, "utf8"), "latest");
    guest.destroy();
  } finally {
    rmSync(path, { force: true });
  }
});

test("file: a full log that may not be cut ends there, and the guest writes on", async () => {
  const path = `${tmpdir()}/bulkhead-serial-uncut-${process.pid}.log`;
  writeFileSync(path, "");
  truncateSync(path, 64 * 1024 * 1024);
  const { ftruncateSync } = fs;
  fs.ftruncateSync = () => {
    throw Object.assign(new Error("append-only"), { code: "EPERM" });
  };
  syncBuiltinESMExports();
  try {
    const guest = guestOf(path);
    guest.write("beyond");
    await settle();
    assert.is(statSync(path).size, 64 * 1024 * 1024);
    assert.not.ok(guest.destroyed);
    guest.destroy();
  } finally {
    fs.ftruncateSync = ftruncateSync;
    syncBuiltinESMExports();
    rmSync(path, { force: true });
  }
});

test("stream: input that the guest does not read waits where it comes from, and all of it arrives when it reads", async () => {
  const [own, theirs] = addon.socketPair();
  const [input, output] = [new PassThrough(), new PassThrough()];
  const console = connectSerial(theirs, { kind: "stream", input, output, escape: false });
  const guest = new Socket({ fd: own });
  guest.pause();
  let fedBytes = 0;
  for (let block = 0; block < 64; block += 1) {
    input.write(Buffer.alloc(64 * 1024, "x"));
    fedBytes += 64 * 1024;
  }
  await settle();
  assert.ok(console.writableLength < 256 * 1024, `${console.writableLength} bytes wait in memory`);
  let readBytes = 0;
  guest.on("data", (chunk: Buffer) => (readBytes += chunk.length)).resume();
  while (readBytes < fedBytes) await settle();
  guest.destroy();
  await once(console, "close");
  assert.equal([input.listenerCount("data"), input.listenerCount("error"), input.isPaused()], [0, 0, true]);
});

test("stream: what a slow reader does not take is dropped, within a bound", async () => {
  const [own, theirs] = addon.socketPair();
  const output = new PassThrough({ highWaterMark: 1 });
  connectSerial(theirs, { kind: "stream", input: null, output, escape: false });
  const guest = new Socket({ fd: own });
  for (let block = 0; block < 3 * 16; block += 1) guest.write(Buffer.alloc(64 * 1024, "x"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.is(guest.writableLength, 0, "the guest waits for a reader of its console");
  assert.ok(
    output.writableLength > 512 * 1024 && output.writableLength < 1.5 * 1024 * 1024,
    `${output.writableLength} bytes wait`,
  );
  guest.destroy();
});

test("stream: an input that fails (EIO) ends nothing", async () => {
  const [own, theirs] = addon.socketPair();
  const [input, output] = [new PassThrough(), new PassThrough()];
  connectSerial(theirs, { kind: "stream", input, output, escape: false });
  input.destroy(new Error("EIO"));
  const guest = new Socket({ fd: own });
  guest.write("still here");
  const [chunk] = (await once(output, "data")) as [Buffer];
  assert.is(chunk.toString(), "still here");
  guest.destroy();
});

test.run();
