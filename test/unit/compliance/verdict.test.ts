import * as assert from "uvu/assert";
import { parseControlText } from "../../../src/compliance/index.js";
import type { Finding } from "../../../src/compliance/run/layer_search.js";
import type { Outcome } from "../../../src/compliance/run/outcome.js";
import { judge, presentLayers, unmet } from "../../../src/compliance/run/verdict.js";
import { LAYERS, type LayerStatus, type LayerStatuses } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";

const test = suite("verdicts on controls", { needs: [], timeoutMs: 5000 });

const CONTROL = parseControlText(
  `id: MY-01
group: own
title: do it
threat: It would be done.
layers: [seccomp, cgroup]
needs: [memory controller]
act: [{call: socket, args: [AF_INET, SOCK_STREAM, 0]}]
twin: {title: do something else, steps: [{call: getpid}]}
`,
  "my.yaml",
);

const REFUSED = { kind: "refused", credited: null, evidence: "socket: EPERM" } as const;
const FINE: Outcome = { twinFault: null, attempt: { ...REFUSED, credited: "seccomp" }, workFault: null };

function verdictOn(change: Partial<Outcome>, finding: Finding | null = null): string {
  const { verdict, layer } = judge(CONTROL, "disk", { outcome: { ...FINE, ...change }, finding });
  return layer === null ? verdict : `${verdict} ${layer}`;
}

test("what the kernel named is credited, when it is one of those that should have", () => {
  assert.is(verdictOn({}), "passed seccomp");
  assert.is(verdictOn({ attempt: { ...REFUSED, kind: "died", credited: "seccomp" } }), "passed seccomp");
  assert.is(verdictOn({ attempt: { ...REFUSED, credited: "memory" } }), "failed memory");
});

test("an errno credits nobody: without two launches that differ in a layer it has failed", () => {
  assert.is(verdictOn({ attempt: REFUSED }), "failed");
  assert.is(verdictOn({ attempt: REFUSED }, { layer: "cgroup", words: "without cgroup alone it succeeds" }), "passed cgroup");
  assert.is(
    verdictOn({ attempt: REFUSED }, { layer: "landlock", words: "without landlock alone it succeeds" }),
    "failed landlock",
  );
  assert.is(verdictOn({ attempt: REFUSED }, { layer: null, words: "none" }), "failed");
  assert.is(verdictOn({ attempt: REFUSED }, { layer: "kernel", words: "nothing here to refuse" }), "unmet");
});

test("an act that succeeds, a twin that does not, and work that stops have failed, whoever is credited", () => {
  assert.is(verdictOn({ attempt: { kind: "succeeded", evidence: "socket succeeded" } }), "failed");
  assert.is(verdictOn({ twinFault: "getpid: EPERM" }), "failed");
  assert.is(verdictOn({ workFault: "its DMA does not reach guest memory" }), "failed seccomp");
});

test("no answer is broken, never passed", () => {
  assert.is(verdictOn({ attempt: { kind: "silent", evidence: "the process does not answer since socket" } }), "broken");
  assert.is(verdictOn({ attempt: null, workFault: "before the act the process is gone" }), "broken");
});

function statusesWith(change: Partial<Record<(typeof LAYERS)[number], LayerStatus>>): LayerStatuses {
  const enforced = { status: "enforced" } as const;
  return {
    ...(Object.fromEntries(LAYERS.map((layer) => [layer, enforced])) as Record<(typeof LAYERS)[number], LayerStatus>),
    ...change,
  };
}

test("a layer counts when the host has it, with the parts that the control needs", () => {
  const partly = (lacks: readonly string[]): LayerStatus => ({ status: "partial", lacks, why: "cgroup v1 holds it" });
  assert.equal(presentLayers(CONTROL, statusesWith({})), ["seccomp", "cgroup"]);
  assert.equal(presentLayers(CONTROL, statusesWith({ cgroup: partly(["pids controller"]) })), ["seccomp", "cgroup"]);
  assert.equal(presentLayers(CONTROL, statusesWith({ cgroup: partly(["memory controller"]) })), ["seccomp"]);
  const neither = statusesWith({
    cgroup: partly(["memory controller"]),
    seccomp: { status: "unavailable", why: "an old kernel" },
  });
  assert.equal(presentLayers(CONTROL, neither), []);
  assert.equal(unmet(CONTROL, "disk", neither).evidence, ["seccomp: an old kernel", "cgroup: cgroup v1 holds it"]);
});

test.run();
