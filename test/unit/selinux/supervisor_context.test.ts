import * as assert from "uvu/assert";
import { dominates, labelProcess, parseContext, supervisorContext } from "../../../src/selinux/index.js";
import { suite } from "../../support/harness.js";

const test = suite("the context of a VM's supervisor");

const LAUNCHER = "unconfined_u:unconfined_r:bulkhead_t:s0";
const categories = { first: 0, last: 1023 };
const place = { launcher: LAUNCHER, pair: [3, 17] as const, category: 600, role: "vmm", isVmm: true };
const vmm = labelProcess(place).process;

test("it has the VM's pair and the half of the range that tells processes apart, at the launcher's user and role", () => {
  assert.is(
    supervisorContext({ launcher: LAUNCHER, vmm, categories }),
    "unconfined_u:unconfined_r:bulkhead_supervisor_t:s0-s0:c3,c17,c512.c1023",
  );
});

test("it dominates every process of its VM, also one that is added, and none of another VM with a category in common", () => {
  const { high } = parseContext(supervisorContext({ launcher: LAUNCHER, vmm, categories }) ?? "");
  for (const category of [512, 777, 1023]) {
    const own = labelProcess({ ...place, category, role: "disk", isVmm: false });
    assert.ok(dominates(high, parseContext(own.process).high));
    assert.ok(dominates(high, parseContext(own.image).high));
    const other = labelProcess({ ...place, pair: [3, 18], category, role: "disk", isVmm: false });
    assert.not(dominates(high, parseContext(other.process).high));
  }
});

for (const type of ["unconfined_t", "sysadm_t", "bulkhead_supervisor_t"]) {
  test(`a launcher of the type ${type} has none to go to`, () => {
    const launcher = LAUNCHER.replace("bulkhead_t", type);
    assert.is(supervisorContext({ launcher, vmm, categories }), null);
  });
}

test.run();
