import { closeSync } from "node:fs";
import * as assert from "uvu/assert";
import type { BulkheadError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import { DeviceProxy } from "../../../src/protocol/index.js";
import { suite } from "../../support/harness.js";

const test = suite("a VMM and a device that misbehaves");

async function failureOf(action: Promise<unknown>): Promise<string> {
  return action.then(
    () => "none",
    (error: BulkheadError) => error.code,
  );
}

test("a device that does not answer is an error after the deadline, and is asked no more", async () => {
  const [near, far] = addon.socketPair();
  const proxy = new DeviceProxy({ fd: near, name: "silent", deadlineMs: 20 });
  const both = [proxy.readConfig(0, 2), proxy.readConfig(0, 2)];
  assert.equal(await Promise.all(both.map(failureOf)), ["device-silent", "device-silent"]);
  assert.is((await proxy.ended)?.code, "device-silent");
  assert.is(await failureOf(proxy.reset()), "device-silent");
  closeSync(far);
});

test("a device that goes away is an error for who waits and for who asks later", async () => {
  const [near, far] = addon.socketPair();
  const proxy = new DeviceProxy({ fd: near, name: "gone" });
  const read = failureOf(proxy.readConfig(0, 2));
  setImmediate(() => closeSync(far));
  assert.match(await read, /^device-gone$|^channel-closed$/);
  assert.match(await failureOf(proxy.reset()), /^device-gone$|^channel-closed$/);
});

/** What a hostile device answers to a config-read of 2 bytes, and what is said of it. */
const REPLIES: readonly (readonly [what: string, reply: string, said: string])[] = [
  ["no value", "01000000 00000000 0000000000000000", "size is 0; it must be 8 in the answer to config-read"],
  [
    "a value of three bytes",
    "01000000 00000000 0800000000000000 0000010000000000",
    "value is 0x10000; it must fit into the 16 bits",
  ],
  ["another command", "03000000 00000000 0c00000000000000 000000000000000000000000", "cmd is 3; it must be RET (1)"],
  ["all ones", "01000000 00000000 0800000000000000 ffffffffffffffff", "config-read was answered with all ones"],
];

for (const [what, reply, said] of REPLIES) {
  test(`a device that answers with ${what}: refused`, async () => {
    const [near, far] = addon.socketPair();
    const proxy = new DeviceProxy({ fd: near, name: "hostile" });
    const read = proxy.readConfig(0, 2);
    await new Promise((resolve) => setImmediate(resolve));
    addon.sendMessage({ socketFd: far, data: Buffer.from(reply.replaceAll(" ", ""), "hex"), fds: [] });
    const error = await read.then(String, (refusal: BulkheadError) => refusal.message);
    assert.match(error, said);
    proxy.close();
    closeSync(far);
  });
}

test("a reply that nobody asked for ends the channel", async () => {
  const [near, far] = addon.socketPair();
  const proxy = new DeviceProxy({ fd: near, name: "eager" });
  addon.sendMessage({ socketFd: far, data: Buffer.from("01000000000000000000000000000000", "hex"), fds: [] });
  assert.match((await proxy.ended)?.message ?? "", "it must answer a request");
  closeSync(far);
});

test.run();
