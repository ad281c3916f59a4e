import { utimesSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { leaseCategories, leasedCategories, OwnedRun, releaseCategories, releaseStrayUids } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "./temporary_directories.js";

const test = suite("leases of categories");

const directories = makeDirectories();
test.after(() => directories.remove());

test("a pair is one VM's until that gives it back", () => {
  assert.is(leaseCategories(directories, [1, 2], "web1"), true);
  assert.is(leaseCategories(directories, [1, 2], "web2"), false);
  assert.is(leaseCategories(directories, [1, 3], "web2"), true);
  assert.equal(leasedCategories(directories, "web1"), [[1, 2]]);
  releaseCategories(directories, "web1");
  assert.equal(leasedCategories(directories, "web1"), []);
  assert.is(leaseCategories(directories, [1, 2], "web2"), true);
  releaseCategories(directories, "web2");
});

test("gc gives back what a VM without a record leases, and nothing else", () => {
  const run = OwnedRun.claim(directories, { vm: "live", shutdownGraceMs: 0 });
  leaseCategories(directories, [5, 6], "live");
  leaseCategories(directories, [7, 8], "gone");
  releaseStrayUids(directories);
  assert.equal(leasedCategories(directories, "live"), [[5, 6]]);
  assert.equal(leasedCategories(directories, "gone"), []);
  releaseCategories(directories, "live");
  run.release();
});

test("a lease that nobody wrote his name into goes when it is old", () => {
  const path = `${directories.run}/categories/9,10`;
  writeFileSync(path, "");
  releaseStrayUids(directories);
  assert.is(leaseCategories(directories, [9, 10], "web1"), false);
  utimesSync(path, 1, 1);
  releaseStrayUids(directories);
  assert.is(leaseCategories(directories, [9, 10], "web1"), true);
});

test.run();
