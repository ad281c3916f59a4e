import * as assert from "uvu/assert";
import { planLandlock } from "../../../src/plan/landlock.js";
import { planNodes, planRoot } from "../../../src/plan/root_plan.js";
import { INVENTORY, POLICIES } from "../../golden/plan_fixtures.js";
import { suite } from "../../support/harness.js";

const test = suite("what a process sees of files");

const vmm = {
  policy: POLICIES.vmm,
  inventory: INVENTORY,
  filter: { instructions: 1, sha256: "", generator: "", generatorWhy: "" },
};
const disk = { ...vmm, policy: POLICIES.disk };

test("landlock: nothing is planned on a kernel without it", () => {
  assert.is(planLandlock(0, vmm, false), null);
});

test("landlock: all that the ABI knows is handled, and no rule grants listing, writing or making files", () => {
  for (const [abi, handled] of [[1, 13] as const, [2, 14] as const, [3, 15] as const, [5, 16] as const, [7, 16] as const]) {
    const plan = planLandlock(abi, disk, true);
    assert.is(plan?.handledFs.length, handled);
    assert.equal([...new Set(plan?.rules.flatMap((rule) => rule.access))].sort(), ["execute", "read_file"]);
  }
});

test("landlock: TCP from ABI 4, signals and abstract sockets from ABI 6", () => {
  assert.equal(planLandlock(3, disk, false)?.handledNet, []);
  assert.equal(planLandlock(4, disk, false)?.handledNet, ["bind_tcp", "connect_tcp"]);
  assert.equal(planLandlock(5, disk, false)?.scoped, []);
  assert.equal(planLandlock(6, disk, false)?.scoped, ["abstract_unix_socket", "signal"]);
});

test("landlock: a rule names only what its ABI handles, or the kernel refuses it", () => {
  for (let abi = 1; abi <= 8; abi += 1) {
    const plan = planLandlock(abi, vmm, true);
    for (const rule of plan?.rules ?? []) {
      for (const access of rule.access) assert.ok(plan?.handledFs.includes(access), `ABI ${abi}: ${access}`);
    }
  }
});

test("landlock: /boot is readable only where it holds a kernel", () => {
  const paths = (holdsKernel: boolean) => planLandlock(7, disk, holdsKernel)?.rules.map((rule) => rule.path);
  assert.equal(paths(false), ["/usr"]);
  assert.equal(paths(true), ["/usr", "/boot"]);
});

test("landlock: a linked top directory is granted at its target", () => {
  const linked = { ...disk, inventory: { ...INVENTORY, links: [{ target: "/lib64", to: "opt/lib64" }] } };
  assert.equal(
    planLandlock(7, linked, false)?.rules.map((rule) => rule.path),
    ["/opt", "/usr"],
  );
});

test("nodes: /dev/kvm only under KVM, with the owner's bits of its access", () => {
  assert.equal(planNodes(POLICIES.vmm, "kvm"), [
    { name: "kvm", major: 10, minor: 232, mode: 0o600 },
    { name: "null", major: 1, minor: 3, mode: 0o200 },
  ]);
  assert.equal(
    planNodes(POLICIES.vmm, "tcg").map((node) => node.name),
    ["null"],
  );
  assert.equal(
    planNodes(POLICIES.net, "kvm").map((node) => node.mode),
    [0o400],
  );
});

test("root: everything is read-only, and the tenant's kernel is under a name of ours", () => {
  const entries = planRoot(vmm, "/cache/roots", { kernel: "k,ernel", initrd: null });
  assert.ok(entries.every((entry) => entry.access === "ro"));
  assert.equal(entries[0], { target: "/", source: `/cache/roots/${INVENTORY.sha256}`, access: "ro", kind: "bind" });
  assert.equal(
    entries.filter((entry) => entry.target.startsWith("/boot")).map(({ target, source }) => [target, source]),
    [
      ["/boot", "tmpfs"],
      ["/boot/kernel", "k,ernel"],
    ],
  );
});

test.run();
