import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readReviewed, writeReviewed } from "../../../src/compliance/boundary/reviewed_role.js";
import { listRoles, loadRolePolicy } from "../../../src/policy/index.js";
import { combinePhases, comparePolicies } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("roles as they were reviewed", { timeoutMs: 20_000 });
const folder = join(repositoryRoot, "policies");

test("every role's reviewed rules are its policy's (else review it and run: node scripts/generate_reviewed.mjs)", () => {
  const expected = listRoles(folder).map((role) => `${role}.json`);
  assert.equal(readdirSync(join(folder, "reviewed")).sort(), expected.sort());
  for (const role of listRoles(folder)) {
    assert.is(readFileSync(join(folder, `reviewed/${role}.json`), "utf8"), writeReviewed(loadRolePolicy({ folder, role })), role);
  }
});

test("what is written reads back as the same filter, for all calls", () => {
  for (const role of ["disk", "vmm", "launcher"]) {
    const rules = combinePhases(loadRolePolicy({ folder, role }).seccomp, "lock-down");
    assert.is(comparePolicies(readReviewed(folder, role).rules, rules).relation, "equal", role);
  }
});

test("a role that nobody reviewed is told so, with what to do", () => {
  assert.throws(() => readReviewed(folder, "no-such-role"), /no-such-role.*generate_reviewed/s);
});

test.run();
