import * as assert from "uvu/assert";
import { HostError } from "../../../src/errors/index.js";
import { judgeLayers } from "../../../src/plan/index.js";
import { requireLayers } from "../../../src/plan/layers.js";
import { LAYERS } from "../../../src/spec/index.js";
import { FULL_HOST } from "../../golden/plan_fixtures.js";
import { suite } from "../../support/harness.js";

const test = suite("the level at which a host can give each layer");

test("every layer has a status, and whatever is not enforced says why", () => {
  const poor = { kind: "none", why: "no cgroup v2" } as const;
  for (const facts of [FULL_HOST, { ...FULL_HOST, landlockAbi: 0, cgroup: poor }]) {
    const statuses = judgeLayers(facts);
    assert.equal(Object.keys(statuses), [...LAYERS]);
    for (const status of Object.values(statuses)) assert.ok(status.status === "enforced" || status.why !== "");
  }
});

/** ABI to the number of features that it lacks: each release of Landlock added one that Bulkhead asks for, the first ABI five. */
const LANDLOCK: readonly (readonly [abi: number, status: string, lacks: number])[] = [
  [0, "unavailable", 0],
  [1, "partial", 5],
  [2, "partial", 4],
  [3, "partial", 3],
  [4, "partial", 2],
  [5, "partial", 1],
  [6, "enforced", 0],
  [7, "enforced", 0],
  [99, "enforced", 0],
];

for (const [abi, expected, lacks] of LANDLOCK) {
  test(`landlock: ABI ${abi} is ${expected}`, () => {
    const status = judgeLayers({ ...FULL_HOST, landlockAbi: abi }).landlock;
    assert.is(status.status, expected);
    assert.is(status.status === "partial" ? status.lacks.length : 0, lacks);
  });
}

test("cgroup: missing controllers are named", () => {
  const cgroup = { kind: "v2", mount: "/sys/fs/cgroup", controllers: ["cpu", "pids"], why: "v1 holds the rest" } as const;
  assert.equal(judgeLayers({ ...FULL_HOST, cgroup }).cgroup, {
    status: "partial",
    lacks: ["io controller", "memory controller"],
    why: "v1 holds the rest",
  });
});

test("core scheduling: the host's reason is told as it is", () => {
  const facts = { ...FULL_HOST, coreScheduling: { available: false, why: "no hardware threads" } } as const;
  assert.equal(judgeLayers(facts)["core-scheduling"], { status: "unavailable", why: "no hardware threads" });
});

test("requirement: an enforced layer passes", () => {
  requireLayers(judgeLayers(FULL_HOST), ["landlock", "seccomp", "cgroup"]);
  requireLayers(judgeLayers({ ...FULL_HOST, landlockAbi: 0 }), []);
});

test("requirement: partial is not enough, and all that are short are named", () => {
  const statuses = judgeLayers({ ...FULL_HOST, landlockAbi: 3 });
  assert.throws(
    () => requireLayers(statuses, ["seccomp", "landlock", "selinux"]),
    (error: unknown) => {
      assert.instance(error, HostError);
      assert.is((error as HostError).code, "layer-unavailable");
      assert.is((error as HostError).exitCode, 3);
      assert.is((error as HostError).subject, "landlock, selinux");
      return true;
    },
  );
});

test.run();
