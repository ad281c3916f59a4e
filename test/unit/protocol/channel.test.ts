import { closeSync, fstatSync, openSync } from "node:fs";
import * as assert from "uvu/assert";
import type { BulkheadError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import { Channel } from "../../../src/protocol/channel/channel.js";
import type { Frame } from "../../../src/protocol/channel/frame_reader.js";
import { encodeMessage } from "../../../src/protocol/wire/encode.js";
import type { Message, Strictness } from "../../../src/protocol/wire/message.js";
import { suite } from "../../support/harness.js";
import { countFds } from "../../support/protocol/open_files.js";

const test = suite("a channel");

const RESET: Message = { command: "device-reset" };
const READ: Message = { command: "config-read", address: 0, value: 0, length: 2 };
const IRQFD: Message = { command: "set-irqfd" };

/** A channel of a device process, and the peer's bare socket. */
interface Line {
  readonly channel: Channel;
  readonly peer: number;
  readonly ended: Promise<BulkheadError | null>;
  /** The next message that the channel took in. */
  next(): Promise<Message>;
  close(): void;
}

function makeLine(onFrame: (frame: Frame) => void = () => {}, strictness: Strictness = "strict"): Line {
  const [peer, fd] = addon.socketPair();
  const came: Message[] = [];
  let wake: () => void = () => {};
  let settle: (error: BulkheadError | null) => void = () => {};
  const ended = new Promise<BulkheadError | null>((resolve) => {
    settle = resolve;
  });
  const channel = new Channel({
    ...{ fd, peer: "the VMM", expects: "request", strictness },
    onFrame: (frame) => {
      came.push(frame.message);
      onFrame(frame);
      wake();
    },
    onEnd: settle,
  });
  const next = async (): Promise<Message> => {
    while (came.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return came.shift() as Message;
  };
  const close = (): void => {
    channel.close();
    closeSync(peer);
  };
  return { channel, peer, ended, next, close };
}

function put(line: Line, data: Buffer, fds: readonly number[] = []): void {
  assert.is(addon.sendMessage({ socketFd: line.peer, data, fds }), data.length);
}

let fdsBefore = 0;
test.beforeEach(() => {
  // The first channel of a process makes the loop's own fds.
  makeLine().close();
  fdsBefore = countFds();
});
test.afterEach(() => assert.is(countFds(), fdsBefore, "fds are left open"));

test("messages that arrive in pieces, or several at once, are the messages that were sent", async () => {
  const line = makeLine();
  const bytes = Buffer.concat([encodeMessage(READ), encodeMessage(RESET), encodeMessage(READ)]);
  put(line, bytes);
  assert.equal([await line.next(), await line.next(), await line.next()], [READ, RESET, READ]);
  for (const byte of bytes) {
    put(line, Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal([await line.next(), await line.next(), await line.next()], [READ, RESET, READ]);
  line.close();
});

test("fds belong to the message that they came with, whatever is sent before and after it", async () => {
  const counts: number[] = [];
  const line = makeLine(({ fds }) => counts.push(fds.count));
  const eventfd = addon.makeEventfd();
  put(line, encodeMessage(READ));
  put(line, encodeMessage(IRQFD), [eventfd, eventfd]);
  put(line, encodeMessage(RESET));
  assert.equal([await line.next(), await line.next(), await line.next()], [READ, IRQFD, RESET]);
  assert.equal(counts, [0, 2, 0]);
  closeSync(eventfd);
  line.close();
});

test("fds that come with the second half of a header are its message's, whether or not it is read in one piece", async () => {
  const counts: number[] = [];
  const line = makeLine(({ fds }) => counts.push(fds.count));
  const eventfd = addon.makeEventfd();
  for (const pauses of [0, 3]) {
    put(line, encodeMessage(IRQFD).subarray(0, 8));
    for (let turn = 0; turn < pauses; turn++) await new Promise((resolve) => setImmediate(resolve));
    put(line, encodeMessage(IRQFD).subarray(8), [eventfd, eventfd]);
    assert.equal(await line.next(), IRQFD);
  }
  assert.equal(counts, [2, 2]);
  closeSync(eventfd);
  line.close();
});

test("fds that nobody takes are closed, those taken are the taker's, and close-on-exec", async () => {
  let taken = -1;
  const line = makeLine(({ fds }) => {
    taken = fds.take(1);
    assert.throws(() => fds.take(1), /no fd 1 is left/);
  });
  const nothing = openSync("/dev/null", "r");
  put(line, encodeMessage(IRQFD), [nothing, nothing]);
  await line.next();
  assert.ok(fstatSync(taken).isCharacterDevice());
  closeSync(taken);
  closeSync(nothing);
  line.close();
});

test("the peer closes between two messages: the channel ends in order", async () => {
  const [peer, fd] = addon.socketPair();
  const ended = new Promise((resolve) => {
    new Channel({ fd, peer: "the VMM", expects: "request", strictness: "strict", onFrame: () => {}, onEnd: resolve });
  });
  closeSync(peer);
  assert.is(await ended, null);
});

test("the peer closes without reading its answer: what it had sent is still read, then the channel ends", async () => {
  const line = makeLine(() => line.channel.send({ command: "ret", value: null }));
  put(line, encodeMessage(RESET));
  put(line, encodeMessage(RESET));
  put(line, encodeMessage(RESET));
  await line.next();
  closeSync(line.peer);
  assert.is((await line.ended)?.code, "channel-closed");
});

const nothingFds = (count: number): number[] => Array.from({ length: count }, () => openSync("/dev/null", "r"));

/** What the peer sends, piece by piece, with so many fds each; then it closes. What the channel says. */
const CUT: readonly (readonly [what: string, pieces: readonly (readonly [bytes: Buffer, fds: number])[], said: string])[] = [
  ["half a header", [[encodeMessage(READ).subarray(0, 8), 0]], "stream is ended; it must end between two messages"],
  ["half a payload", [[encodeMessage(READ).subarray(0, 20), 0]], "Cannot accept config-read: stream is ended"],
  ["a header with fds and no more", [[encodeMessage(IRQFD).subarray(0, 15), 2]], "stream is ended"],
  [
    "fds with a payload",
    [
      [encodeMessage(READ).subarray(0, 16), 0],
      [encodeMessage(READ).subarray(16), 2],
    ],
    "fds is with the payload of config-read; it must come with a header",
  ],
  ["one fd too many", [[encodeMessage(IRQFD), 3]], "Cannot accept set-irqfd: fds is 3; it must be 2"],
  ["as many fds as the kernel passes", [[encodeMessage(IRQFD), 253]], "Cannot accept set-irqfd: fds is 253; it must be 2"],
  ["a command that there is not", [[Buffer.alloc(16, 0x41), 5]], "cmd is 0x41414141; it must be 0 to 7"],
];

for (const [what, pieces, said] of CUT) {
  test(`${what}: the channel ends with the rule, and nothing stays open`, async () => {
    const line = makeLine();
    for (const [bytes, count] of pieces) {
      const fds = nothingFds(count);
      put(line, bytes, fds);
      for (const fd of fds) closeSync(fd);
    }
    // Some violations are found at once, the others when nothing more comes.
    await new Promise((resolve) => setImmediate(resolve));
    closeSync(line.peer);
    assert.match((await line.ended)?.message ?? "in order", said);
  });
}

test("a bug in the handler of messages ends the channel and surfaces", async () => {
  const line = makeLine(({ fds }) => fds.peek(2));
  put(line, encodeMessage(READ));
  // A bug, unlike a violation, surfaces: here as an uncaught exception, which this test takes.
  const uncaught = new Promise<Error>((resolve) => process.once("uncaughtException", resolve));
  assert.match((await uncaught).message, /no fd 2 is left/);
  assert.not(line.channel.isOpen);
  closeSync(line.peer);
});

test("a peer that does not read what was sent gets no more, is read no more, and ends nobody's loop", async () => {
  let answered = 0;
  const line = makeLine(() => {
    answered += 1;
    line.channel.send({ command: "ret", value: 0n });
  });
  const request = encodeMessage(READ);
  let asked = 0;
  // Both directions fill up: the channel holds one answer and stops reading.
  for (let idle = 0; idle < 50; ) {
    const sent = addon.sendMessage({ socketFd: line.peer, data: request, fds: [] });
    idle = sent === 0 ? idle + 1 : 0;
    if (sent > 0) asked += 1;
    if (sent === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(answered < asked, `${answered} answers to ${asked} requests`);
  assert.throws(
    () => line.channel.send({ command: "ret", value: 0n }),
    (error: BulkheadError) => error.code === "channel-full",
  );
  const target = Buffer.alloc(1 << 16);
  let read = 0;
  while (read < asked * 24) {
    const { bytes } = addon.receiveMessage({ socketFd: line.peer, target });
    if (bytes === null) await new Promise((resolve) => setImmediate(resolve));
    else read += bytes;
  }
  assert.is(read, asked * 24);
  assert.is(answered, asked);
  line.close();
});

test("messages whose fds do not fit them are not sent", () => {
  const line = makeLine();
  assert.throws(() => line.channel.send(IRQFD, [1]), /fds is 1; it must be 2/);
  const regions = [{ address: 0n, sizeBytes: 4096n, offset: 0n }];
  assert.throws(
    () => line.channel.send({ command: "sync-sysmem", regions }, [1, 2]),
    /fds is 2; it must be one for each of 1 regions/,
  );
  assert.throws(() => line.channel.send({ command: "sync-sysmem", regions: [] }, []), /fds is 0; it must be 1 to 7/);
  line.close();
  assert.throws(
    () => line.channel.send(RESET),
    (error: BulkheadError) => error.code === "channel-closed",
  );
});

test.run();
