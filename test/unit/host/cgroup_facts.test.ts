import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readCgroupFacts } from "../../../src/host/index.js";
import { suite } from "../../support/harness.js";

const test = suite("cgroup hierarchies of a host");

let mount: string;
test.beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), "bulkhead-cgroup-"));
});
test.afterEach(() => rmSync(mount, { recursive: true }));

const ROOT = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw";
const V1 = "33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu";
const v2 = () => `41 31 0:38 / ${mount} rw,relatime shared:9 - cgroup2 cgroup2 rw`;

function factsOf(controllers: string, ...lines: readonly string[]) {
  writeFileSync(`${mount}/cgroup.controllers`, `${controllers}\n`);
  return readCgroupFacts(`${lines.join("\n")}\n`);
}

test("v2 alone with all controllers: nothing is missing", () => {
  assert.equal(factsOf("cpuset cpu io memory hugetlb pids rdma misc", ROOT, v2()), {
    kind: "v2",
    mount,
    controllers: ["cpu", "io", "memory", "pids"],
    why: null,
  });
});

test("hybrid: v1 holds what v2 lacks, and the boot option is named", () => {
  const facts = factsOf("pids", ROOT, V1, v2());
  assert.equal(facts.kind === "v2" && facts.controllers, ["pids"]);
  assert.match(facts.why ?? "", /^cgroup v1 holds cpu, io, memory on this host; .*systemd\.unified_cgroup_hierarchy=1/);
});

test("hybrid: a v2 without any controller still groups", () => {
  const facts = factsOf("", V1, v2());
  assert.equal(facts.kind === "v2" && facts.controllers, []);
});

test("v2 alone without a controller: the kernel lacks it", () => {
  assert.is(factsOf("cpu memory pids", v2()).why, "the kernel offers no io controller in cgroup v2");
});

test("none: v1 only, or nothing at all", () => {
  for (const lines of [[ROOT, V1], [ROOT], []]) assert.is(factsOf("cpu", ...lines).kind, "none");
});

test("a controller whose name only begins like one of ours does not count", () => {
  const facts = factsOf("cpuset iocost memory", v2());
  assert.equal(facts.kind === "v2" && facts.controllers, ["memory"]);
});

test("this host: read without an error", () => {
  assert.ok(["v2", "none"].includes(readCgroupFacts().kind));
});

test.run();
