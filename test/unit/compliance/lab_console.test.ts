import * as assert from "uvu/assert";
import { ConsoleLog } from "../../../src/compliance/lab/console_log.js";
import { parseGuestReport, writePattern } from "../../../src/compliance/lab/guest_report.js";
import { suite } from "../../support/harness.js";

const test = suite("lab console");

test("console: a panic that arrives in two pieces is recognised with its reason", () => {
  const log = new ConsoleLog();
  log.append("[    1.0] Kernel panic - not sync");
  assert.is(log.panic, null);
  log.append("ing: VFS: Unable to mount root fs\r\n[    1.1] ---[ end Kernel panic\r\n");
  assert.is(log.panic, "VFS: Unable to mount root fs");
});

test("console: the word panic in another place is none", () => {
  const log = new ConsoleLog();
  log.append("Command line: panic=-1 oops=panic\n");
  assert.is(log.panic, null);
});

test("console: escape sequences and control characters do not reach the reader", () => {
  const lines: string[] = [];
  const log = new ConsoleLog((line) => lines.push(line));
  log.append("\x1bc\x1b[?7l\x1b[2J\x07SeaBIOS\r\n\x1b]0;title\x07\n");
  assert.equal(lines, ["SeaBIOS", ""]);
});

test("console: the tail is bounded and ends with the unfinished line", () => {
  const log = new ConsoleLog();
  for (let index = 0; index < 1000; index++) log.append(`line ${index}\n`);
  log.append("unfinished");
  assert.is(log.tail(3), "line 998\nline 999\nunfinished");
  assert.is(log.tail(10_000).split("\n").length, 201);
});

const CONSOLE = [
  "bulkhead: start kernel=6.12.1",
  "bulkhead: pci address=0000:00:01.0 id=1000:0012 class=010000 driver=sym53c8xx irq=21",
  "[   3.1] sd 0:0:0:0: bulkhead: read disk=sdx bytes=1 sha256=00",
  "bulkhead: pci address=0000:00:1f.0 id=8086:2918 class=060100 driver=none irq=0",
  "bulkhead: disk name=sda pci=0000:00:01.0 driver=sym53c8xx bytes=33554432 read_only=0",
  "bulkhead: read disk=sda bytes=8388608 sha256=aa milliseconds=370",
  "bulkhead: write disk=sda offset=16777216 bytes=1048576 sha256=bb",
  "bulkhead: verify disk=sda offset=16777216 bytes=1048576 sha256=cc",
  "bulkhead: net name=eth0 pci=0000:00:03.0 driver=e1000 sent=20 received=19",
  "bulkhead: interrupts irq=21 count=154 users=sym53c8xx,eth0",
  "bulkhead: error step=verify-sda",
  "bulkhead: end status=failed",
].join("\r\n");

test("guest report: every kind of line is read, a kernel message that quotes one is not", () => {
  const report = parseGuestReport(`${CONSOLE}\r\n`);
  assert.is(report.kernel, "6.12.1");
  assert.equal(report.pci, [
    { address: "0000:00:01.0", id: "1000:0012", driver: "sym53c8xx", irq: 21 },
    { address: "0000:00:1f.0", id: "8086:2918", driver: null, irq: 0 },
  ]);
  assert.equal(report.disks, [{ name: "sda", pci: "0000:00:01.0", driver: "sym53c8xx", sizeBytes: 33554432, readOnly: false }]);
  assert.equal(report.reads, [{ disk: "sda", offsetBytes: 0, sizeBytes: 8388608, sha256: "aa" }]);
  assert.equal(report.writes, [{ disk: "sda", offsetBytes: 16777216, sizeBytes: 1048576, sha256: "bb" }]);
  assert.equal(report.verifies[0]?.sha256, "cc");
  assert.equal(report.nets, [{ name: "eth0", pci: "0000:00:03.0", driver: "e1000", sentPackets: 20, receivedPackets: 19 }]);
  assert.equal(report.interrupts, [{ irq: 21, count: 154, users: ["sym53c8xx", "eth0"] }]);
  assert.equal(report.errors, ["verify-sda"]);
  assert.is(report.status, "failed");
});

test("guest report: a guest that did not come to its end has no status", () => {
  assert.is(parseGuestReport("bulkhead: start kernel=6.12.1\n").status, null);
});

test("guest report: the pattern is the kit's line, over and over, cut", () => {
  assert.is(writePattern("0000:00:01.0", 30).toString(), "bulkhead 0000:00:01.0\nbulkhead");
});

test.run();
