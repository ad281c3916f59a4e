import * as assert from "uvu/assert";
import { parseControlText } from "../../../src/compliance/index.js";
import { searchLayers } from "../../../src/compliance/run/layer_search.js";
import type { Attempt } from "../../../src/compliance/run/outcome.js";
import { LAYERS, type Layer, type LayerStatuses } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";

const test = suite("which layer refused", { needs: [], timeoutMs: 5000 });

const STATUSES = Object.fromEntries(
  LAYERS.map((layer) => [layer, layer === "selinux" ? { status: "unavailable", why: "none" } : { status: "enforced" }]),
) as unknown as LayerStatuses;

function control(id: string, layers: readonly Layer[]) {
  const text = `id: ${id}\ngroup: own\ntitle: t\nthreat: t\nlayers: [${layers.join(", ")}]\nact: [{call: getpid}]\ntwin: {title: t, steps: []}\n`;
  return parseControlText(text, "my.yaml");
}

/** A host on which an act succeeds when none of these layers is there. */
function host(refusers: Readonly<Record<string, readonly Layer[]>>, seen: string[] = []) {
  return async (controls: readonly { readonly id: string }[], off: readonly Layer[]) => {
    seen.push(`${controls.map(({ id }) => id).join(" ")} without ${off.join(" ")}`);
    return new Map(
      controls.map(({ id }): [string, Attempt] => {
        const refused = (refusers[id] ?? []).some((layer) => !off.includes(layer));
        return [id, refused ? { kind: "refused", credited: null, evidence: "EPERM" } : { kind: "succeeded", evidence: "" }];
      }),
    );
  };
}

const find = async (own: readonly Layer[], refusers: readonly Layer[]) =>
  (await searchLayers([control("MY-01", own)], STATUSES, host({ "MY-01": refusers }))).get("MY-01")?.layer;

test("the layer without which alone it succeeds", async () => {
  assert.is(await find(["landlock", "rlimits"], ["rlimits"]), "rlimits");
});

test("where two refuse, the control's own that refuses with no other there", async () => {
  assert.is(await find(["seccomp"], ["seccomp", "rlimits"]), "seccomp");
  assert.is(await find(["landlock"], ["seccomp", "rlimits"]), null);
});

test("what fails without any layer the kernel refuses to everybody", async () => {
  assert.is(await find(["seccomp"], ["root"]), "kernel");
});

test("one VM for many controls, and none for a layer that this host does not have", async () => {
  const seen: string[] = [];
  const both = [control("MY-01", ["seccomp", "selinux"]), control("MY-02", ["seccomp"])];
  await searchLayers(both, STATUSES, host({ "MY-01": ["seccomp"], "MY-02": ["seccomp"] }, seen));
  assert.equal(seen, ["MY-01 MY-02 without seccomp"]);
});

test.run();
