import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { StateError } from "../../../src/errors/index.js";
import { ContentCache, openDirectories, writeJson } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";

// One test makes 4096 files.
const test = suite("state directories", { timeoutMs: 20_000 });

let base: string;
test.beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "bulkhead-state-"));
});
test.afterEach(() => rmSync(base, { recursive: true }));

test("they are made below BULKHEAD_STATE, each for its owner only", () => {
  const directories = openDirectories({ BULKHEAD_STATE: `${base}/not/yet` });
  assert.equal(directories, {
    run: `${base}/not/yet/run`,
    cache: `${base}/not/yet/cache`,
    lib: `${base}/not/yet/lib`,
    log: `${base}/not/yet/log`,
    journal: `${base}/not/yet/journal`,
  });
  const made = [directories.run, directories.cache, directories.lib, directories.log];
  for (const path of made) assert.is(statSync(path).mode & 0o777, 0o700);
  assert.equal(openDirectories({ BULKHEAD_STATE: `${base}/not/yet` }), directories);
});

test("a place that cannot be written is refused with what to do", () => {
  writeFileSync(`${base}/file`, "");
  assert.throws(
    () => openDirectories({ BULKHEAD_STATE: `${base}/file` }),
    (error: unknown) => {
      assert.instance(error, StateError);
      assert.is((error as StateError).code, "state-unwritable");
      assert.match((error as StateError).message, /mkdir: EEXIST.*BULKHEAD_STATE/);
      return true;
    },
  );
});

function assertUntrusted(act: () => unknown, answer: RegExp): void {
  assert.throws(act, (error: unknown) => {
    assert.instance(error, StateError);
    assert.is((error as StateError).code, "state-untrusted");
    assert.match((error as StateError).message, answer);
    return true;
  });
}

for (const name of ["", "/run", "/cache", "/lib", "/log"]) {
  test(`a directory that others may write is refused: BULKHEAD_STATE${name}`, () => {
    openDirectories({ BULKHEAD_STATE: base });
    for (const mode of [0o720, 0o702, 0o1777]) {
      chmodSync(`${base}${name}`, mode);
      assertUntrusted(() => openDirectories({ BULKHEAD_STATE: base }), new RegExp(`mode ${mode.toString(8)}`));
    }
    chmodSync(`${base}${name}`, 0o755);
    openDirectories({ BULKHEAD_STATE: base });
  });
}

test("a directory that is a link is refused", () => {
  mkdirSync(`${base}/elsewhere`, { mode: 0o700 });
  symlinkSync(`${base}/elsewhere`, `${base}/run`);
  assertUntrusted(() => openDirectories({ BULKHEAD_STATE: base }), /it is no directory itself/);
});

test("results that others may write are neither read nor written", () => {
  const store = new ContentCache(base);
  store.put("kind", "content", 1);
  assert.is(store.get("kind", "content"), 1);
  chmodSync(`${base}/results`, 0o777);
  assertUntrusted(() => store.get("kind", "content"), /mode 777/);
  assertUntrusted(() => store.put("kind", "content", 2), /mode 777/);
});

test("results that cannot be kept are none, and the caller goes on", () => {
  const store = new ContentCache(base);
  store.put("kind", "before", 1);
  // A file where the directory should be: not a full disk, but the calls fail alike.
  writeFileSync(`${base}/no-directory`, "");
  const full = new ContentCache(`${base}/no-directory`);
  full.put("kind", "content", 2);
  assert.is(store.get("kind", "before"), 1);
});

test("of too many results the older half goes", () => {
  const store = new ContentCache(base);
  store.put("kind", "old", 1);
  utimesSync(`${base}/results/${readdirSync(`${base}/results`)[0]}`, 1, 1);
  for (let index = 0; index < 4096; index += 1) writeFileSync(`${base}/results/${index}`, "");
  store.put("kind", "new", 2);
  assert.equal([store.get("kind", "old"), store.get("kind", "new")], [undefined, 2]);
  assert.is(readdirSync(`${base}/results`).length, 2050);
});

test("a record that cannot be written: exit code 3, and what to do", () => {
  try {
    writeJson(`${base}/no-such-directory/record.json`, {});
    assert.unreachable();
  } catch (error) {
    assert.is((error as { exitCode: number }).exitCode, 3);
    assert.match((error as Error).message, /Cannot write .*record\.json.*ENOENT.*Make room/);
  }
});

test.run();

const owned = suite("owners of state directories", { needs: ["root"] });

owned("a directory of another user is refused", () => {
  const other = mkdtempSync(join(tmpdir(), "bulkhead-state-"));
  try {
    chownSync(other, 12_345, 0);
    assertUntrusted(() => openDirectories({ BULKHEAD_STATE: other }), /uid 12345 owns it/);
  } finally {
    rmSync(other, { recursive: true });
  }
});

owned.run();
