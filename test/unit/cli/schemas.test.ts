import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { commandJsonSchema, findReportFault, REPORTING_COMMANDS } from "../../../src/cli/schemas/index.js";
import { probeHost } from "../../../src/host/index.js";
import { judgeLayers } from "../../../src/plan/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("schemas of what commands print");

for (const command of REPORTING_COMMANDS) {
  test(`published ${command} schema: is what the check is made from (else run: node scripts/generate_schemas.mjs)`, () => {
    const published = readFileSync(join(repositoryRoot, "docs/schema", `${command}.schema.json`), "utf8");
    assert.equal(JSON.parse(published), JSON.parse(JSON.stringify(commandJsonSchema(command))));
  });
}

const PLANS = join(repositoryRoot, "test/golden/plans");
const goldenPlan = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(PLANS, name), "utf8")) as Record<string, unknown>;

test("plan: every plan of the golden tests is one by the schema", () => {
  const plans = readdirSync(PLANS).filter((name) => name.endsWith(".plan.json"));
  assert.ok(plans.length > 50);
  for (const name of plans) assert.is(findReportFault("plan", JSON.stringify(goldenPlan(name))), null, name);
});

test("plan: what no plan has, and what every plan has, are told", () => {
  const plan = goldenPlan("disk_raw.plan.json");
  assert.match(findReportFault("plan", JSON.stringify({ ...plan, more: 1 })) ?? "", "more");
  const { cgroup: _, ...less } = plan;
  assert.match(findReportFault("plan", JSON.stringify(less)) ?? "", "cgroup");
});

test("doctor: what this host's probe tells is as the schema says", () => {
  const facts = probeHost();
  const printed = { schemaVersion: 1, host: facts, layers: judgeLayers(facts) };
  assert.is(findReportFault("doctor", JSON.stringify(printed)), null);
  const { seccomp: _, ...fewer } = printed.layers;
  assert.match(findReportFault("doctor", JSON.stringify({ ...printed, layers: fewer })) ?? "", "seccomp");
});

test.run();
