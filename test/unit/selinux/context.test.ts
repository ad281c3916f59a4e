import * as assert from "uvu/assert";
import type { SelinuxError } from "../../../src/errors/index.js";
import {
  formatCategories,
  formatContext,
  labelProcess,
  levelsOf,
  parseCategories,
  parseContext,
} from "../../../src/selinux/index.js";
import { suite } from "../../support/harness.js";

const test = suite("contexts and categories");

/** As the kernel prints them: a run of two with a comma, a longer one with a dot. */
const CATEGORIES = [
  [[], ""],
  [[7], "c7"],
  [[1, 2], "c1,c2"],
  [[1, 2, 3], "c1.c3"],
  [[1, 3, 5], "c1,c3,c5"],
  [[0, 1, 2, 3, 9, 10, 12], "c0.c3,c9,c10,c12"],
] as const;

for (const [numbers, text] of CATEGORIES) {
  test(`categories ${text || "(none)"}: written and read`, () => {
    assert.is(formatCategories(numbers), text);
    assert.equal(parseCategories(text), [...numbers]);
  });
}

test("categories are read in any order, each once", () => {
  assert.equal(parseCategories("c9,c1,c1.c3"), [1, 2, 3, 9]);
  for (const wrong of ["1", "c", "c1.", "c1-c3", "c1 ,c2", "c12345"]) assert.is(parseCategories(wrong), null, wrong);
});

test("a context comes back as it was read", () => {
  for (const text of ["u:r:t:s0", "u:r:t:s0:c1,c2", "u:r:t:s0-s0:c0.c1023", "u:r:t:s0:c1,c2-s0:c1,c2,c9"])
    assert.is(formatContext(parseContext(text)), text);
});

test("what is no context of an MCS policy is refused with its text", () => {
  for (const text of ["", "u:r:t", "u:r:t:s1", "u:r:t:s0:c1,,c2", "u::t:s0", "u:r:t:s0-s0-s0"]) {
    assert.throws(
      () => parseContext(text),
      (error: SelinuxError) => error.code === "context-malformed" && error.subject === text,
    );
  }
});

test("the VMM has a range from the VM's pair, a device one level, and what only it may touch the same", () => {
  const place = { launcher: "system_u:system_r:bulkhead_t:s0-s0:c0.c1023", pair: [3, 9], category: 700 } as const;
  const vmm = labelProcess({ ...place, role: "vmm", isVmm: true });
  assert.is(vmm.process, "system_u:system_r:bulkhead_vmm_t:s0:c3,c9-s0:c3,c9,c700");
  const disk = labelProcess({ ...place, role: "disk", isVmm: false });
  assert.is(disk.process, "system_u:system_r:bulkhead_disk_t:s0:c3,c9,c700");
  assert.is(disk.judge, "system_u:system_r:bulkhead_image_judge_t:s0:c3,c9,c700");
  assert.is(disk.image, "system_u:object_r:bulkhead_image_t:s0:c3,c9,c700");
  assert.is(disk.sharedImage, "system_u:object_r:bulkhead_shared_image_t:s0");
  assert.is(disk.channel, "system_u:object_r:bulkhead_channel_t:s0:c3,c9");
  assert.is(vmm.channel, disk.channel);
});

test("levels in use: both ends of a range; none of a login that is cleared for all", () => {
  assert.equal(levelsOf("u:r:t:s0:c1,c2-s0:c1,c2,c9"), [
    [1, 2],
    [1, 2, 9],
  ]);
  assert.equal(levelsOf("u:r:unconfined_t:s0-s0:c0.c1023"), []);
  assert.equal(levelsOf("unconfined"), []);
});

test.run();
