import * as assert from "uvu/assert";
import { closestCandidate, suggestFrom } from "../../../src/text/suggestion.js";
import { suite } from "../../support/harness.js";

const test = suite("suggestions");

test("closestCandidate: a swap, a slip, a lost letter and another case are seen", () => {
  const keys = ["memory", "machine", "accel", "readOnly"];
  for (const [word, meant] of [
    ["mmeory", "memory"],
    ["memorx", "memory"],
    ["acel", "accel"],
    ["READONLY", "readOnly"],
  ] as const) {
    assert.is(closestCandidate(word, keys), meant);
  }
});

test("closestCandidate: words that are far away, empty or very long give nothing", () => {
  for (const word of ["zebra", "", "memory".repeat(1000)]) assert.is(closestCandidate(word, ["memory", "cpus"]), undefined);
});

test("suggestFrom: without a near candidate the known ones are listed", () => {
  assert.is(suggestFrom("zebra", ["memory", "cpus"]), "; known here: memory, cpus");
  assert.is(suggestFrom("zebra", []), "");
});

test.run();
