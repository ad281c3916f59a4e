import * as assert from "uvu/assert";
import type { LoadedFilters } from "../../../src/observe/index.js";
import { Comparison } from "../../../src/verify/difference.js";
import { compareFilters } from "../../../src/verify/filters.js";
import { suite } from "../../support/harness.js";
import { planOfProcess } from "../sandbox/process_plan.js";

const test = suite("loaded filters against the plan");

const plan = planOfProcess("disk0");
const planned = plan.seccomp.sha256;

function differences(...threads: readonly (readonly string[])[]): string[] {
  const loaded: LoadedFilters = { readable: true, threads: threads.map((sha256, index) => ({ tid: 10 + index, sha256 })) };
  const comparison = new Comparison("disk0", 10);
  compareFilters(plan, loaded, comparison);
  return comparison.differences.map(({ layer, observed }) => `${layer}: ${observed}`);
}

test("the planned program in every thread: no difference", () => {
  assert.equal(differences([planned], [planned]), []);
});

test("another program, one more or none in one thread: named", () => {
  assert.equal(differences([planned], ["ab"]), ["seccomp: thread 11: program ab"]);
  assert.equal(differences([planned, planned]), [`seccomp: thread 10: program ${planned}, ${planned}`]);
  assert.equal(differences([]), ["seccomp: thread 10: program none"]);
});

test.run();
