import { once } from "node:events";
import { openSync, readFileSync, rmSync } from "node:fs";
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
