import { join, relative } from "node:path";
import * as assert from "uvu/assert";
import { readReviewed } from "../../../src/compliance/boundary/reviewed_role.js";
import type { ActArgument, ActStep, Control } from "../../../src/compliance/controls/control.js";
import { readControlFolders } from "../../../src/compliance/controls/control_folder.js";
import { listRoles, loadRolePolicy } from "../../../src/policy/index.js";
import { decideCall, type FilterRules } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("the controls that come with Bulkhead", { timeoutMs: 20_000 });

const folder = join(repositoryRoot, "policies/controls");
const policies = join(repositoryRoot, "policies");
/** Those that a VM has processes of. */
const attacked = listRoles(policies).filter(
  (role) => role === "vmm" || loadRolePolicy({ folder: policies, role }).models.length > 0,
);
let controls: readonly Control[];
test.before(async () => {
  controls = await readControlFolders([folder]);
});

/** What the issue asks for at least. */
const CONTROLS_MIN = 120;

test("there are enough of them, each in the folder of its group, with a title of its own", () => {
  assert.ok(controls.length >= CONTROLS_MIN, `${controls.length} controls`);
  for (const { file, group, id } of controls)
    assert.match(relative(folder, file), new RegExp(`^${group}/${id}-[a-z0-9-]+\\.yaml$`));
  const titles = controls.map(({ title }) => title);
  assert.equal(
    titles.filter((title, index) => titles.indexOf(title) !== index),
    [],
  );
});

/** Any address and any answer: no filter sees more of them. */
const SOMEWHERE = 0x7f00_0000_1000n;

function numberOf(argument: ActArgument): bigint {
  return typeof argument === "bigint" ? BigInt.asUintN(64, argument) : SOMEWHERE;
}

/** How the reviewed filter answers the calls among these steps. */
function answersTo(steps: readonly ActStep[], filter: FilterRules): string[] {
  return steps.flatMap((step) => {
    return step.kind === "call" ? [decideCall(filter, step.call, step.args.map(numberOf)).action.kind] : [];
  });
}

for (const role of attacked) {
  test(`${role} role: seccomp refuses an act that it is said to refuse at its last step, and no twin's call`, () => {
    const filter = readReviewed(policies, role).rules;
    for (const { id, layers, roles, alone, act, twin } of controls) {
      if (roles !== null && !roles.includes(role)) continue;
      // Tried where no filter stands.
      if (alone && !layers.includes("seccomp")) continue;
      const answers = answersTo(act, filter);
      if (layers.includes("seccomp")) assert.is.not(answers.at(-1), "allow", `${id}: the filter lets the act through`);
      assert.ok(
        answers.slice(0, -1).every((answer) => answer === "allow"),
        `${id}: the filter refuses a step before the last: ${answers.join(", ")}`,
      );
      const twins = answersTo(twin.steps, filter);
      assert.ok(
        twins.every((answer) => answer === "allow"),
        `${id}: the filter refuses its twin: ${twins.join(", ")}`,
      );
    }
  });
}

test.run();
