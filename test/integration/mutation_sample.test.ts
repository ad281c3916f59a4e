import { join } from "node:path";
import * as assert from "uvu/assert";
import { readReviewed } from "../../src/compliance/boundary/reviewed_role.js";
import { loadRolePolicy } from "../../src/policy/index.js";
import { judgeGrantMutants } from "../mutation/grant_mutants.js";
import { judgeSeccompMutants } from "../mutation/judge_seccomp.js";
import type { JudgedMutant } from "../mutation/mutant.js";
import { seccompMutants } from "../mutation/seccomp_mutants.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";

/** Some 40 filters compiled and 100 calls made: 2 s, three times that on a busy machine. */
const test = suite("a sample of the mutants", { timeoutMs: 20_000 });

const POLICIES = join(repositoryRoot, "policies");
/** Every so many mutants one is judged; no common divisor with the number of any kind of them. */
const STRIDE = 11;
/** Mutants that nothing can tell from the policy by a call's answer alone: npm run mutation lists them all. */
const named = (mutants: readonly JudgedMutant[]) =>
  mutants.filter(({ outcome }) => outcome.kind !== "noticed").map(({ id, outcome }) => `${id}: ${outcome.kind}`);

test("disk role: every eleventh mutant of its filter is noticed in the kernel, or proved equivalent", () => {
  const { rules } = readReviewed(POLICIES, "disk");
  const sample = [...seccompMutants("disk", rules)].filter((_, index) => index % STRIDE === 0);
  const judged = judgeSeccompMutants(rules, sample);
  assert.ok(judged.length > 30, `${judged.length} mutants`);
  assert.equal(
    judged.filter(({ outcome }) => outcome.kind === "uncovered").map(({ id }) => id),
    [],
  );
});

test("a filter that is not changed is not noticed", () => {
  const { rules } = readReviewed(POLICIES, "disk");
  const same = [{ id: "same", filter: rules, syscall: null }];
  assert.equal(named(judgeSeccompMutants(rules, same)), ["same: equivalent"]);
});

test("net role: every mutant of its grants is noticed", () => {
  const policy = loadRolePolicy({ folder: POLICIES, role: "net" });
  assert.equal(named(judgeGrantMutants(readReviewed(POLICIES, "net").grants, policy)), []);
});

test.run();
