import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readJson, writeJson } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "./temporary_directories.js";

const test = suite("records on disk");

let directories: ReturnType<typeof makeDirectories>;
test.beforeEach(() => {
  directories = makeDirectories();
});
test.afterEach(() => directories.remove());

/** How long a reader looks at a record that is rewritten all the time, in ms. */
const READING_MS = 400;
/** Longest wait for the writer to start and the reader to end, in ms. */
const STARTING_MS = 4000;

test("a record that is written again and again is never read by halves", async () => {
  const path = `${directories.run}/record.json`;
  writeJson(path, { serial: 0, words: [] });
  const writer = spawn(process.execPath, [join(import.meta.dirname, "write_loop.js"), path], { stdio: "ignore" });
  try {
    const seen = readForAWhile(path);
    assert.ok(seen > 10, `only ${seen} records were seen`);
  } finally {
    writer.kill();
    await once(writer, "close");
  }
});

/** How many different records a busy reader meets, each of them whole. Waits for the writer's first one. */
function readForAWhile(path: string): number {
  const seen = new Set<unknown>();
  const startMs = Date.now();
  let firstMs = Number.POSITIVE_INFINITY;
  while (Date.now() < Math.min(firstMs + READING_MS, startMs + STARTING_MS)) {
    const record = readJson(path) as { serial: number; words: number[] };
    if (record.serial === 0) continue;
    firstMs = Math.min(firstMs, Date.now());
    assert.ok(record.words.length === 2000 && record.words.every((word) => word === record.serial));
    seen.add(record.serial);
  }
  return seen.size;
}

test("a record is its owner's only, and leaves nothing beside it", () => {
  writeJson(`${directories.run}/record.json`, { a: 1 });
  assert.is(statSync(`${directories.run}/record.json`).mode & 0o777, 0o600);
  assert.equal(readdirSync(directories.run), ["record.json"]);
});

test("a record that is not there is null, a damaged one an error", () => {
  assert.is(readJson(`${directories.run}/none.json`), null);
  writeFileSync(`${directories.run}/half.json`, '{"a":');
  assert.throws(() => readJson(`${directories.run}/half.json`));
});

test.run();
