import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { StateError } from "../../../src/errors/index.js";
import { openDirectories } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";

const test = suite("state directories");

let base: string;
test.beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "bulkhead-state-"));
});
test.afterEach(() => rmSync(base, { recursive: true }));

test("they are made below BULKHEAD_STATE, each for its owner only", () => {
  const directories = openDirectories({ BULKHEAD_STATE: `${base}/not/yet` });
  assert.equal(directories, { run: `${base}/not/yet/run`, cache: `${base}/not/yet/cache`, log: `${base}/not/yet/log` });
  for (const path of Object.values(directories)) assert.is(statSync(path).mode & 0o777, 0o700);
  assert.equal(openDirectories({ BULKHEAD_STATE: `${base}/not/yet` }), directories);
});

test("a place that cannot be written is refused with what to do", () => {
  writeFileSync(`${base}/file`, "");
  assert.throws(
    () => openDirectories({ BULKHEAD_STATE: `${base}/file` }),
    (error: unknown) => {
      assert.instance(error, StateError);
      assert.is((error as StateError).code, "state-unwritable");
      assert.match((error as StateError).message, /mkdir: ENOTDIR.*BULKHEAD_STATE/);
      return true;
    },
  );
});

test.run();
