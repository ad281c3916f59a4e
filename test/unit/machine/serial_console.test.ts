import { once } from "node:events";
import fs, { existsSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import { type ConsoleSink, connectSerial } from "../../../src/machine/serial_console.js";
import { suite } from "../../support/harness.js";
import { waitUntil } from "../../support/run_command.js";

const test = suite("the guest's serial console");

const MIB = 1024 * 1024;

interface Guest {
  /** The VMM's end of the console. */
  readonly socket: Socket;
  /** Bytes that the launcher has read of it. */
  takenBytes: number;
}

function connectGuest(sink: ConsoleSink): Guest {
  const [own, theirs] = addon.socketPair();
  const guest = { socket: new Socket({ fd: own }), takenBytes: 0 };
  connectSerial(theirs, sink, (chunk) => {
    guest.takenBytes += chunk.length;
  });
  return guest;
}

const guestOf = (fd: number): Guest => connectGuest({ kind: "file", fd });

/** Writes, and waits until the launcher has read it. */
async function write(guest: Guest, bytes: string | Buffer): Promise<void> {
  const dueBytes = guest.takenBytes + bytes.length;
  guest.socket.write(bytes);
  await waitUntil(() => guest.takenBytes === dueBytes, "the reading");
}

test("file: a full disk ends the log, and the guest writes on", async () => {
  const fd = openSync("/dev/full", "a");
  const guest = guestOf(fd);
  await write(guest, "first");
  await waitUntil(() => !existsSync(`/proc/self/fd/${fd}`), "the end of the log");
  for (const text of ["second", "third"]) await write(guest, text);
  assert.not.ok(guest.socket.destroyed);
  guest.socket.destroy();
});

test("file: what the guest writes is there", async () => {
  const path = `${tmpdir()}/bulkhead-serial-${process.pid}.log`;
  try {
    const guest = guestOf(openSync(path, "a"));
    await write(guest, "hello");
    await waitUntil(() => readFileSync(path, "utf8") === "hello", "the guest's word in the log");
    guest.socket.destroy();
  } finally {
    rmSync(path, { force: true });
  }
});

test("file: a full log begins anew, and what earlier runs left counts", async () => {
  const path = `${tmpdir()}/bulkhead-serial-full-${process.pid}.log`;
  try {
    writeFileSync(path, "");
    truncateSync(path, 64 * 1024 * 1024 - 4);
    const guest = guestOf(openSync(path, "a"));
    await write(guest, "1234");
    await waitUntil(() => statSync(path).size === 64 * 1024 * 1024, "a full log");
    await write(guest, "latest");
    await waitUntil(() => statSync(path).size === "latest".length, "a new log");
    assert.is(readFileSync(path, "utf8"), "latest");
    guest.socket.destroy();
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
    const guest = guestOf(openSync(path, "a"));
    for (const text of ["beyond", "the end"]) await write(guest, text);
    assert.is(statSync(path).size, 64 * 1024 * 1024);
    assert.not.ok(guest.socket.destroyed);
    guest.socket.destroy();
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
  await waitUntil(() => input.isPaused(), "a pause of the input");
  assert.ok(console.writableLength < 256 * 1024, `${console.writableLength} bytes wait in memory`);
  let readBytes = 0;
  guest.on("data", (chunk: Buffer) => (readBytes += chunk.length)).resume();
  await waitUntil(() => readBytes === fedBytes, "all of the input");
  guest.destroy();
  await once(console, "close");
  assert.equal([input.listenerCount("data"), input.listenerCount("error"), input.isPaused()], [0, 0, true]);
});

test("stream: what a slow reader does not take is dropped, within a bound", async () => {
  const output = new PassThrough({ highWaterMark: 1 });
  const guest = connectGuest({ kind: "stream", input: null, output, escape: false });
  // Less than the 4 MiB that are read of a console in a second.
  await write(guest, Buffer.alloc(3 * MIB, "x"));
  assert.ok(
    output.writableLength > 512 * 1024 && output.writableLength < 1.5 * 1024 * 1024,
    `${output.writableLength} bytes wait`,
  );
  guest.socket.destroy();
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
