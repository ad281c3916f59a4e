import * as assert from "uvu/assert";
import { tapIsPermitted } from "../../../src/spec/tap_pattern.js";
import { suite } from "../../support/harness.js";

const test = suite("patterns of tap names");

const CASES: readonly (readonly [string, string, boolean])[] = [
  ["tap*", "tap0", true],
  ["tap*", "tap", true],
  ["tap*", "xtap0", false],
  ["tap?", "tap0", true],
  ["tap?", "tap", false],
  ["tap?", "tap10", false],
  ["*", "anything", true],
  ["*0", "tap00", true],
  ["*0", "tap01", false],
  ["a*b*c", "aXbYbZc", true],
  ["a*b*c", "aXbYbZ", false],
  ["**a**", "bab", true],
  ["tap0", "tap0", true],
  ["tap0", "tap00", false],
  ["t.p0", "tap0", false],
  ["[t]ap0", "tap0", false],
];

for (const [pattern, tap, permitted] of CASES) {
  test(`pattern ${pattern}: ${tap} is ${permitted ? "permitted" : "refused"}`, () => {
    assert.is(tapIsPermitted(tap, [pattern]), permitted);
  });
}

test("several patterns: one that matches is enough, none permits nothing", () => {
  assert.ok(tapIsPermitted("br0", ["tap*", "br?"]));
  assert.not(tapIsPermitted("br0", []));
});

test.run();
