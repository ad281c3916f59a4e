import { join } from "node:path";
import * as assert from "uvu/assert";
import { loadRolePolicy } from "../../../../src/policy/index.js";
import {
  combinePhases,
  comparePolicies,
  type ExportedPolicy,
  exportMinijail,
  exportOci,
  exportSeccompiler,
  type FilterRules,
  type ImportedPolicy,
  importMinijail,
  importOci,
  importSeccompiler,
} from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { repositoryRoot } from "../../../support/repository.js";
import { Random } from "../../../support/seccomp/random.js";
import { randomRules } from "../../../support/seccomp/random_rules.js";
import { rule } from "../rules_for_tests.js";

const test = suite("policies written in other formats", { timeoutMs: 20_000 });

const file = "written";
const FORMATS: readonly (readonly [
  name: string,
  write: (rules: FilterRules) => ExportedPolicy,
  read: (text: string) => ImportedPolicy,
])[] = [
  ["minijail", exportMinijail, (text) => importMinijail({ file, text })],
  ["OCI", exportOci, (text) => importOci({ file, text })],
  ["seccompiler", (rules) => exportSeccompiler(rules, "main"), (text) => importSeccompiler({ file, text })],
];
const RULE_SETS = 20;

function expectSame(rules: FilterRules, text: string, read: (text: string) => ImportedPolicy): void {
  const imported = read(text);
  assert.equal(imported.losses, []);
  const compared = comparePolicies(rules, combinePhases(imported.policy, "run"));
  assert.is(
    compared.relation,
    "equal",
    `${text}\n${JSON.stringify(compared, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value))}`,
  );
}

/** Null where one rule would become more than 1024. */
function writeUnlessTooWide(rules: FilterRules, write: (rules: FilterRules) => ExportedPolicy): ExportedPolicy | null {
  try {
    return write(rules);
  } catch (error) {
    assert.is((error as { code: string }).code, "rule-too-wide");
    return null;
  }
}

for (const [name, write, read] of FORMATS) {
  test(`${name}: ${RULE_SETS} random rule sets without a loss mean the same when read back`, () => {
    let exact = 0;
    for (let seed = 0; exact < RULE_SETS && seed < 40 * RULE_SETS; seed++) {
      const rules = randomRules(new Random(seed), { rulesMax: 4, checksMax: 2 });
      const written = writeUnlessTooWide(rules, write);
      if (written === null || written.losses.length > 0) continue;
      expectSame(rules, written.text, read);
      exact++;
    }
    assert.is(exact, RULE_SETS);
  });
}

for (const role of ["disk", "net", "vmm"]) {
  test(`${role} role: its run calls are the same in minijail's and in OCI's form`, () => {
    const rules = combinePhases(loadRolePolicy({ folder: join(repositoryRoot, "policies"), role }).seccomp, "run");
    for (const [, write, read] of FORMATS.slice(0, 2)) {
      const { text, losses } = write(rules);
      assert.equal(losses, []);
      expectSame(rules, text, read);
    }
  });
}

test("what a format cannot say is named", () => {
  const rules: FilterRules = {
    rules: [rule("read"), rule("clone3", [], { kind: "errno", errno: 38, name: "ENOSYS" })],
    otherwise: { kind: "errno", errno: 1, name: "EPERM" },
  };
  assert.match(exportSeccompiler(rules, "main").losses.join(), /clone3 would answer errno 38 and answers errno 1/);
  assert.match(exportMinijail(rules).losses.join(), /default errno, and kills/);
  assert.equal(exportOci(rules).losses, []);
});

test.run();
