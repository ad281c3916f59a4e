import { join } from "node:path";
import * as assert from "uvu/assert";
import { CompiledPolicy, computeMatrix, heldBy, type MatrixCell, readChecks, runChecks } from "../../../src/selinux/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";
import { type CompiledModule, compileModule } from "../../support/selinux/compile_policy.js";

const test = suite("matrix and assertions of a policy", { needs: ["secilc"], timeoutMs: 20_000 });

let compiled: CompiledModule;
let cells: readonly MatrixCell[];
test.before(() => {
  compiled = compileModule();
  const policy = CompiledPolicy.load(compiled.path ?? "");
  cells = computeMatrix(policy, [
    { id: "disk0", role: "disk", isVmm: false },
    { id: "disk1", role: "disk", isVmm: false },
    { id: "net0", role: "net", isVmm: false },
    { id: "vmm", role: "vmm", isVmm: true },
  ]);
});
test.after(() => compiled.remove());

const cell = (source: string, act: string, target: string, sameVm: boolean): MatrixCell => {
  const found = cells.find((one) => one.source === source && one.act === act && one.target === target && one.sameVm === sameVm);
  if (found === undefined) throw new Error(`no cell ${source} ${act} ${target}`);
  return found;
};

/** Channels are at the level of the VM, which all its processes dominate: who holds which is a matter of fds. */
test("what a device and its VMM share is allowed, and nothing else within a VM", () => {
  const allowed = cells.filter((one) => one.sameVm && one.allowed).map(({ source, act, target }) => `${source} ${act} ${target}`);
  const devices = ["disk0", "disk1", "net0"];
  const expected = [...devices, "vmm"].flatMap((source) => {
    const others = [...devices, "vmm"].filter((target) => target !== source);
    const channels = others.map((target) => `${source} speak on its channels ${target}`);
    if (source === "vmm") return channels;
    return [...channels, `${source} write its guest's memory vmm`, `${source} use an fd that it opened vmm`];
  });
  assert.equal(allowed.sort(), expected.sort());
});

test("nothing of another VM is reached but through fds, which categories do not constrain", () => {
  const allowed = cells.filter((one) => !one.sameVm && one.allowed);
  assert.ok(allowed.length > 0);
  assert.equal([...new Set(allowed.map(({ act }) => act))], ["use an fd that it opened"]);
});

test("which of the two mechanisms refuses, and where it is one alone", () => {
  assert.equal(heldBy(cell("disk0", "read its image", "disk1", true)), ["category"]);
  assert.equal(heldBy(cell("net0", "read its image", "disk0", true)), ["type", "category"]);
  assert.equal(heldBy(cell("disk0", "read its image", "disk0", false)), ["category"]);
  assert.equal(heldBy(cell("disk0", "signal it", "disk1", true)), ["category"]);
  assert.equal(heldBy(cell("disk0", "signal it", "vmm", true)), ["type", "category"]);
  assert.is(cell("disk0", "trace it", "vmm", true).byCategory, null);
});

const folder = join(repositoryRoot, "selinux/checks");

test("the module holds every assertion of selinux/checks", () => {
  const results = runChecks(CompiledPolicy.load(compiled.path ?? ""), readChecks(folder));
  assert.ok(results.length > 50);
  assert.equal(
    results.filter(({ passed }) => !passed).map(({ check, observed }) => `${check.name}: ${observed}`),
    [],
  );
});

test("each assertion turned round fails", () => {
  const turned = readChecks(folder).map((check) => ({ ...check, expect: check.expect === "allow" ? "deny" : "allow" }) as const);
  const results = runChecks(CompiledPolicy.load(compiled.path ?? ""), turned);
  assert.equal(
    results.filter(({ passed }) => passed).map(({ check }) => check.name),
    [],
  );
});

test("a policy without our types fails the assertion, and says so", () => {
  const [check] = readChecks(folder);
  if (check === undefined) throw new Error("there are no checks");
  const unknown = { ...check, source: "system_u:system_r:no_such_t:s0" };
  const [result] = runChecks(CompiledPolicy.load(compiled.path ?? ""), [unknown]);
  assert.is(result?.passed, false);
  assert.match(result?.observed ?? "", /no_such_t/);
});

test.run();
