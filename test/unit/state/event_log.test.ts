import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { logEvent } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "./temporary_directories.js";

const test = suite("event log");

let directories: ReturnType<typeof makeDirectories>;
test.beforeEach(() => {
  directories = makeDirectories();
});
test.afterEach(() => directories.remove());

const logFile = () => `${directories.log}/events.jsonl`;
const running = { event: "running", vm: "web1" } as const;

test("an event is one JSON line with its time, and events add up", () => {
  logEvent(directories, { event: "launch", vm: "web1", accel: "tcg" });
  logEvent(directories, { event: "death", vm: "web1", process: "disk0", detail: "two\nlines" });
  const lines = readFileSync(logFile(), "utf8").trimEnd().split("\n");
  const [launch, death] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.is(lines.length, 2);
  assert.is(launch?.["accel"], "tcg");
  assert.is(death?.["detail"], "two\nlines");
  assert.ok(Math.abs(Date.parse(String(launch?.["time"])) - Date.now()) < 60_000);
});

test("the log is for its owner only", () => {
  logEvent(directories, running);
  assert.is(statSync(logFile()).mode & 0o777, 0o600);
});

test("a log that cannot be written ends nothing", () => {
  mkdirSync(logFile());
  logEvent(directories, running);
  rmSync(directories.log, { recursive: true });
  logEvent(directories, running);
});

test("a full log is put aside, and no more than one is kept", () => {
  writeFileSync(logFile(), "old\n");
  truncateSync(logFile(), 16 * 1024 * 1024);
  logEvent(directories, running);
  assert.equal(readdirSync(directories.log), ["events.jsonl.1"]);
  logEvent(directories, running);
  assert.equal(readdirSync(directories.log).sort(), ["events.jsonl", "events.jsonl.1"]);
  assert.is(readFileSync(logFile(), "utf8").split("\n").length, 2);
});

test.run();
