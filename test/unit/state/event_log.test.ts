import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
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

test("an event is one JSON line with its time, and events add up", () => {
  logEvent(directories, { event: "launch", vm: "web1", processes: 2 });
  logEvent(directories, { event: "death", vm: "web1", detail: "two\nlines" });
  const lines = readFileSync(logFile(), "utf8").trimEnd().split("\n");
  const [launch, death] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.is(lines.length, 2);
  assert.is(launch?.["processes"], 2);
  assert.is(death?.["detail"], "two\nlines");
  assert.ok(Math.abs(Date.parse(String(launch?.["time"])) - Date.now()) < 60_000);
});

test("the log is for its owner only", () => {
  logEvent(directories, { event: "launch", vm: "web1" });
  assert.is(statSync(logFile()).mode & 0o777, 0o600);
});

test("a log that cannot be written ends nothing", () => {
  mkdirSync(logFile());
  logEvent(directories, { event: "launch", vm: "web1" });
  rmSync(directories.log, { recursive: true });
  logEvent(directories, { event: "launch", vm: "web1" });
});

test.run();
