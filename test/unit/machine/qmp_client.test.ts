import * as assert from "uvu/assert";
import { MachineError } from "../../../src/errors/index.js";
import { suite } from "../../support/harness.js";
import { GREETING, ScriptedMonitor } from "./scripted_monitor.js";

const test = suite("QMP client against a scripted monitor");

/** For a client that nobody answers: any time will do. */
const SHORT_MS = 60;

let monitor: ScriptedMonitor;
test.beforeEach(() => {
  monitor = new ScriptedMonitor();
});
test.afterEach(() => monitor.close());

async function assertFails(promise: Promise<unknown>, code: string, answer: RegExp): Promise<void> {
  const error = await promise.then(
    () => {
      throw new Error("it succeeded");
    },
    (reason: unknown) => reason,
  );
  assert.instance(error, MachineError);
  assert.is((error as MachineError).code, code);
  assert.is((error as MachineError).subject, "disk0");
  assert.match((error as MachineError).message, answer);
}

test("greeting: capabilities are negotiated before anything else", async () => {
  const opened = monitor.client.open();
  monitor.send(GREETING);
  const command = await monitor.nextCommand();
  assert.is(command.execute, "qmp_capabilities");
  assert.not.ok("arguments" in command);
  monitor.send({ return: {}, id: command.id });
  await opened;
});

test("greeting: one that comes before open() counts", async () => {
  monitor.send(GREETING);
  await monitor.taken();
  await monitor.open();
});

test("greeting: none within the deadline is silence", async () => {
  await assertFails(monitor.client.open(SHORT_MS), "qmp-silent", /no greeting within 60 ms/);
  await assertFails(monitor.client.execute("stop"), "qmp-silent", /no greeting/);
});

test("greeting: a negotiation that is refused fails the opening", async () => {
  const opened = monitor.client.open();
  monitor.send(GREETING);
  const { id } = await monitor.nextCommand();
  monitor.send({ error: { class: "GenericError", desc: "no" }, id });
  await assertFails(opened, "qmp-refused", /qmp_capabilities: no/);
});

test("command: arguments go out as given, the return value comes back", async () => {
  await monitor.open();
  const answered = monitor.client.execute("blockdev-add", { driver: "raw", "node-name": "a,b" });
  const command = await monitor.nextCommand();
  assert.is(command.execute, "blockdev-add");
  assert.equal(command.arguments, { driver: "raw", "node-name": "a,b" });
  monitor.send({ return: [1, { two: null }], id: command.id });
  assert.equal(await answered, [1, { two: null }]);
});

test("command: answers are told apart by id, in whatever order they come", async () => {
  await monitor.open();
  const answers = ["one", "two", "three"].map((name) => monitor.client.execute(name));
  const commands = [await monitor.nextCommand(), await monitor.nextCommand(), await monitor.nextCommand()];
  for (const command of commands.toReversed()) monitor.send({ return: command.execute, id: command.id });
  assert.equal(await Promise.all(answers), ["one", "two", "three"]);
});

test("command: an answer to nobody, or a second one, is ignored", async () => {
  await monitor.open();
  const answered = monitor.client.execute("one");
  const { id } = await monitor.nextCommand();
  monitor.send({ return: "x", id: id + 100 }, { return: "y" }, { return: "z", id: String(id) }, { return: "own", id });
  monitor.send({ return: "again", id });
  assert.is(await answered, "own");
});

test("command: a refusal carries the command and QEMU's description, and ends nothing", async () => {
  await monitor.open();
  const refused = monitor.client.execute("netdev_add");
  const { id } = await monitor.nextCommand();
  monitor.send({ error: { class: "GenericError", desc: "no such tap" }, id });
  await assertFails(refused, "qmp-refused", /"disk0": netdev_add: no such tap/);
  const answered = monitor.client.execute("cont");
  monitor.send({ return: {}, id: (await monitor.nextCommand()).id });
  await answered;
});

test("command: a refusal is one line, escaped and cut", async () => {
  await monitor.open();
  const refused = monitor.client.execute("stop");
  const { id } = await monitor.nextCommand();
  monitor.send({ error: { desc: `no\nbulkhead: all is well \u001b[2J\u202e${"x".repeat(10_000)}` }, id });
  const error = await refused.catch((caught: Error) => caught);
  const { message } = error as Error;
  assert.match(message, "stop: no\\x0abulkhead: all is well \\x1b[2J\\u202exxx");
  assert.ok(message.length < 700, `${message.length} characters`);
});

test("command: a refusal of a strange shape is still a refusal", async () => {
  await monitor.open();
  for (const message of [{ error: null }, { error: "text" }, { error: { desc: 7 } }, {}]) {
    const refused = monitor.client.execute("stop");
    const { id } = await monitor.nextCommand();
    monitor.send({ ...message, id });
    await assertFails(refused, "qmp-refused", /stop: /);
  }
});

test("command: silence fails that command only, and its late answer is ignored", async () => {
  await monitor.open();
  const silence = assertFails(monitor.client.execute("one", undefined, SHORT_MS), "qmp-silent", /no answer to one within 60 ms/);
  const first = await monitor.nextCommand();
  await silence;
  const answered = monitor.client.execute("two");
  const second = await monitor.nextCommand();
  monitor.send({ return: "late", id: first.id }, { return: "two", id: second.id });
  assert.is(await answered, "two");
});

test("event: it comes with its data, also between a command and its answer", async () => {
  await monitor.open();
  const answered = monitor.client.execute("stop");
  const { id } = await monitor.nextCommand();
  monitor.send({ event: "STOP" }, { return: {}, id }, { event: "SHUTDOWN", data: { guest: true } });
  await answered;
  while (monitor.events.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(monitor.events, [
    { event: "STOP", data: {} },
    { event: "SHUTDOWN", data: { guest: true } },
  ]);
});

test("line: cut anywhere, also inside a character, it is put together again", async () => {
  await monitor.open();
  const answered = monitor.client.execute("one");
  const { id } = await monitor.nextCommand();
  const bytes = Buffer.from(`\n{"return": "größer\\n", "id": ${id}}\r\n\n`);
  for (const byte of bytes) {
    monitor.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is(await answered, "größer\n");
});

const GARBAGE: readonly (readonly [what: string, line: string, answer: RegExp])[] = [
  ["text", "hello\n", /not JSON/],
  ["bytes", "\u0000\u0001\u00ff\n", /not JSON/],
  ["half an object", '{"return": \n', /not JSON/],
  ["a list", "[]\n", /not an object/],
  ["a number", "7\n", /not an object/],
  ["null", "null\n", /not an object/],
  ["a deep answer", `{"return": ${"[".repeat(40)}${"]".repeat(40)}}\n`, /nested deeper than 32/],
  ["an answer as deep as a stack", `{"return": ${"[".repeat(500_000)}`.concat("\n"), /nested deeper than 32/],
];

for (const [what, line, answer] of GARBAGE) {
  test(`garbage: ${what} ends the connection and whatever waits on it`, async () => {
    await monitor.open();
    const waiting = monitor.client.execute("one");
    monitor.write(line);
    await assertFails(waiting, "qmp-garbled", answer);
    await assertFails(monitor.client.execute("two"), "qmp-garbled", answer);
  });
}

test("garbage: a line without end is cut off at its limit", async () => {
  await monitor.open();
  const waiting = monitor.client.execute("one");
  monitor.write(Buffer.alloc(2 * 1024 * 1024, "x"));
  await assertFails(waiting, "qmp-garbled", /a line longer than 1048576 bytes/);
});

test("garbage: what follows it in the same breath is not acted on", async () => {
  await monitor.open();
  const waiting = monitor.client.execute("one");
  monitor.write('nonsense\n{"event": "SHUTDOWN"}\n');
  await assertFails(waiting, "qmp-garbled", /not JSON/);
  assert.equal(monitor.events, []);
});

test("end: a peer that closes fails what waits and what comes", async () => {
  await monitor.open();
  const waiting = monitor.client.execute("quit");
  await monitor.nextCommand();
  monitor.close();
  await assertFails(waiting, "qmp-closed", /the monitor was closed/);
  await assertFails(monitor.client.execute("stop"), "qmp-closed", /closed/);
});

test("end: before the greeting", async () => {
  const opened = monitor.client.open();
  monitor.close();
  await assertFails(opened, "qmp-closed", /closed/);
});

test("resume: half a line, answers to the dead client and garbage are skipped up to our own answer", async () => {
  const monitor = new ScriptedMonitor();
  monitor.write('unning": true}}\n');
  const resumed = monitor.client.resume();
  monitor.send({ error: { class: "GenericError", desc: "JSON parse error, stray" } }, { return: "another's", id: 2 });
  const asked = await monitor.nextCommand();
  assert.is(asked.execute, "query-status");
  assert.ok(asked.id > 2 ** 31);
  monitor.send({ event: "STOP", data: {} }, { return: { status: "running" }, id: asked.id });
  assert.equal(await resumed, { status: "running" });
  assert.equal(monitor.events, [{ event: "STOP", data: {} }]);
  // From then on the monitor is held to its word again.
  monitor.write("garbage\n");
  const error = await monitor.client.execute("query-name").catch((caught: Error) => caught);
  assert.match((error as Error).message, "not JSON");
  monitor.close();
});

test.run();
