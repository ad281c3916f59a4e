import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { listRoles, loadCallFrequencies, loadRolePolicy } from "../../src/policy/index.js";
import { combinePhases, formatListing, generateFilter } from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";

const test = suite("listings of the shipped policies' filters");

const FOLDER = join(repositoryRoot, "test/golden/filters");
const POLICIES = join(repositoryRoot, "policies");
/** Rewrites the goldens. Each that changed then fails, so that no run passes by rewriting. */
const UPDATE = process.env["BULKHEAD_UPDATE_GOLDEN"] === "1";
const roles = listRoles(POLICIES);

/** The filter as launched, by our own generator alone: libseccomp's programs, which may move calls forward, differ by version. */
function listingOf(role: string): string {
  const filter = combinePhases(loadRolePolicy({ folder: POLICIES, role }).seccomp, "lock-down");
  return formatListing(generateFilter(filter, loadCallFrequencies({ folder: POLICIES, role })).instructions);
}

for (const role of roles) {
  test(`${role} role: its filter reads as it was reviewed`, () => {
    const path = join(FOLDER, `${role}.txt`);
    const golden = existsSync(path) ? readFileSync(path, "utf8") : null;
    const text = listingOf(role);
    if (UPDATE && golden !== text) {
      writeFileSync(path, text);
      throw new Error(`${path} was rewritten: review it, and run without BULKHEAD_UPDATE_GOLDEN`);
    }
    assert.ok(golden !== null, `${role}.txt is missing; BULKHEAD_UPDATE_GOLDEN=1 writes it`);
    assert.fixture(text, golden);
    assert.is(text, golden);
  });
}

test("every listing belongs to a role", () => {
  assert.equal(readdirSync(FOLDER).sort(), roles.map((role) => `${role}.txt`).sort());
});

test("BULKHEAD_UPDATE_GOLDEN: a run that may rewrite never passes", () => {
  assert.not.ok(UPDATE, "BULKHEAD_UPDATE_GOLDEN is set");
});

test.run();
