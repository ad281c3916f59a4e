import { closeSync, writeSync } from "node:fs";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import { ProcessLog } from "../../../src/machine/process_log.js";
import { suite } from "../../support/harness.js";
import { PlayedClock } from "../../support/played_clock.js";

const test = suite("what a process writes to its log");

let shown: string[];
let log: ProcessLog;
let writer: number;
function openLog(): void {
  const [reader, end] = addon.pipePair();
  // Its own lines: a log of an earlier test may still have some to show.
  const lines: string[] = [];
  shown = lines;
  writer = end;
  log = new ProcessLog(reader, (line) => lines.push(line));
}
test.beforeEach(openLog);
test.afterEach(() => closeSync(writer));

/** Writes, and waits until the log has taken all of it, which its last words show: each text must end in its own way. */
async function write(text: string): Promise<void> {
  const tail = /\w+\n?$/.exec(text)?.[0].trim() ?? "";
  writeSync(writer, text);
  while (!log.lastWords(1).endsWith(tail.slice(-100))) await new Promise((resolve) => setImmediate(resolve));
}

/** Lines are rated by the second of the clock: a test of the rate starts at the beginning of one. */
async function waitForNewSecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000 - (Date.now() % 1000) + 5));
}

test("lines are shown when they are complete", async () => {
  await write("one\ntw");
  assert.equal(shown, ["one"]);
  await write("o\n");
  assert.equal(shown, ["one", "two"]);
});

test("lines are escaped for a terminal, shown and as last words", async () => {
  await write("\u001b[2Jred\n\u009bhalf");
  assert.equal(shown, ["\\x1b[2Jred"]);
  assert.is(log.lastWords(), "\\x1b[2Jred | \\x9bhalf");
});

test("last words: the last lines, with the one that was never ended", async () => {
  await write("1\n2\n\n3\n4\n5\n6\nabort: no");
  assert.is(log.lastWords(), "3 | 4 | 5 | 6 | abort: no");
  assert.is(log.lastWords(2), "6 | abort: no");
});

test("last words: none of a process that wrote nothing", () => {
  assert.is(log.lastWords(), "");
});

test("a long line is cut, ended or not", async () => {
  await write(`${"a".repeat(5000)}\n`);
  assert.is(shown[0], "a".repeat(500));
  await write("b".repeat(5000));
  assert.ok(log.lastWords(1).length <= 500, "what was not ended yet is kept without a bound");
  await write("c\n");
  assert.ok((shown[1] ?? "").length <= 501);
  assert.ok(log.lastWords(1).length <= 501);
});

test("a flood is drained, shown at 20 lines a second, and what was left out is counted", async () => {
  await waitForNewSecond();
  for (let block = 0; block < 50; block += 1) await write(`${"x\n".repeat(2000)}${block}\n`);
  assert.ok(shown.length >= 20 && shown.length <= 100, `${shown.length} lines were shown of 100000`);
  await waitForNewSecond();
  shown.length = 0;
  await write("after\n");
  assert.is(shown.length, 2);
  assert.match(shown[0] ?? "", /^\(\d+ lines not shown\)$/);
  assert.is(shown[1], "after");
});

test("a writer does not wait for a launcher that does not read", () => {
  const block = Buffer.alloc(64 * 1024, "x\n");
  let refused = 0;
  for (let writtenBytes = 0; writtenBytes < 1024 ** 3; writtenBytes += block.length) {
    try {
      writeSync(writer, block);
    } catch (error) {
      assert.is((error as NodeJS.ErrnoException).code, "EAGAIN");
      refused += 1;
    }
  }
  assert.ok(refused > 16_000, "this thread does not read while it writes, so nearly all of it must be refused");
});

test("no more than 4 MiB are read in a second, and that is told", async () => {
  const clock = new PlayedClock();
  clock.install();
  try {
    // One that lives by this clock from its beginning.
    closeSync(writer);
    openLog();
    let writtenBytes = 0;
    for (const second of [1, 2, 3]) {
      writtenBytes += await floodUntil(() => shown.length >= second);
      assert.equal(shown, Array(second).fill("(output beyond 4 MiB in a second is dropped)"));
      // Where reading has stopped, a read that was under way, what the stream holds and the pipe itself fill up, 64 KiB each.
      const leastBytes = second * 4 * 1024 * 1024;
      assert.ok(writtenBytes >= leastBytes && writtenBytes <= leastBytes + (second + 3) * 64 * 1024, `${writtenBytes} bytes`);
      await clock.advance(1000);
    }
  } finally {
    clock.restore();
  }
});

/** Writes until the log says that it has had enough, and then until nothing more fits; returns how many bytes it took. */
async function floodUntil(enough: () => boolean): Promise<number> {
  const block = Buffer.alloc(64 * 1024);
  let takenBytes = 0;
  for (let refused = 0; !enough() || refused < 20; refused += 1) {
    try {
      takenBytes += writeSync(writer, block);
      refused = 0;
    } catch (error) {
      assert.is((error as NodeJS.ErrnoException).code, "EAGAIN");
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return takenBytes;
}

test("what is kept stays within its bound", async () => {
  for (let block = 0; block < 20; block += 1) await write(`${"y".repeat(400)}\n`.repeat(100).concat(`${block}\n`));
  assert.ok(log.lastWords(1_000_000).length <= 17 * 1024 + 40 * " | ".length);
});

test.run();
