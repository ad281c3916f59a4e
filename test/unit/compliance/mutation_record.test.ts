import { join } from "node:path";
import * as assert from "uvu/assert";
import { mutationFigure, mutationKey, readMutationRecord } from "../../../src/compliance/report/mutation_record.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("the record of mutation", { timeoutMs: 20_000 });

const POLICIES = join(repositoryRoot, "policies");
const SELINUX = join(repositoryRoot, "selinux");
/** What the issue asks for. */
const NOTICED_MIN = 0.95;

test("it was measured with the policies that are here (else run: npm run mutation)", () => {
  assert.is(readMutationRecord(POLICIES).key, mutationKey(POLICIES, SELINUX));
});

test("its figures add up, and enough of the mutants that change something were noticed", () => {
  const { layers, noticedBy, equivalent, refused, uncovered } = readMutationRecord(POLICIES);
  const sum = (count: (figure: (typeof layers)[string]) => number) =>
    Object.values(layers).reduce((all, figure) => all + count(figure), 0);
  const noticed = sum((figure) => figure.noticed);
  assert.is(
    noticed,
    Object.values(noticedBy).reduce((all, count) => all + count, 0),
  );
  assert.is(
    sum((figure) => figure.equivalent),
    Object.keys(equivalent).length,
  );
  assert.is(
    sum((figure) => figure.refused),
    Object.keys(refused).length,
  );
  assert.is(
    sum((figure) => figure.mutants),
    noticed + Object.keys(equivalent).length + Object.keys(refused).length + uncovered.length,
  );
  const share = noticed / (noticed + uncovered.length);
  assert.ok(share >= NOTICED_MIN, `${(100 * share).toFixed(1)} % are noticed`);
});

test("a report gives the figure for these policies, and none for others", () => {
  assert.is(
    mutationFigure(POLICIES, SELINUX)?.noticed,
    Object.values(readMutationRecord(POLICIES).layers).reduce((sum, { noticed }) => sum + noticed, 0),
  );
  assert.is(mutationFigure(SELINUX, SELINUX), null);
});

test.run();
