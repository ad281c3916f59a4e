import * as assert from "uvu/assert";
import { PlanError } from "../../../src/errors/index.js";
import { planLaunch } from "../../../src/plan/index.js";
import { parseVmText } from "../../../src/spec/index.js";
import { planInputs } from "../../golden/plan_fixtures.js";
import { suite } from "../../support/harness.js";

const test = suite("what the host has");

const GIB = 1024 ** 3;
const FACTS = { memoryBytes: 2 * GIB + 4096, cpus: 2 };

function plan(machine: string): unknown {
  const spec = parseVmText(`name: web1\nmachine: {${machine}}\n`, { file: "web1.yaml", directory: "/vms" });
  return planLaunch(planInputs(spec, FACTS));
}

function refusal(machine: string): string {
  try {
    plan(machine);
  } catch (error) {
    assert.instance(error, PlanError);
    assert.is((error as PlanError).code, "beyond-host");
    assert.is((error as PlanError).exitCode, 2);
    return (error as PlanError).message;
  }
  throw new Error(`${machine} was planned`);
}

test("memory: all that the host has is planned, 1M more is refused at its place", () => {
  plan("memory: 2G");
  assert.is(
    refusal("memory: 2049M"),
    'web1.yaml:2:11: cannot give VM "web1" 2049M of memory: this host has 2G. Ask for no more than that.',
  );
});

test("cpus: as many as the host has are planned, one more is refused at its place", () => {
  plan("memory: 1M, cpus: 2");
  assert.is(
    refusal("memory: 1M, cpus: 3"),
    'web1.yaml:2:23: cannot give VM "web1" 3 CPUs: this host has 2 that the launcher may run on. Ask for no more than that.',
  );
});

test.run();
