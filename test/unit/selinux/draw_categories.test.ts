import * as assert from "uvu/assert";
import { type CategoryPair, dominates, drawPair, drawProcessCategory } from "../../../src/selinux/index.js";
import { suite } from "../../support/harness.js";

const test = suite("drawing categories");

const ALL = { first: 0, last: 1023 };
const SMALL = { first: 10, last: 13 };
const always = () => true;

test("a pair: two different categories of the lower half, ascending", () => {
  for (let draw = 0; draw < 2000; draw += 1) {
    const [first, second] = drawPair(ALL, [], always);
    assert.ok(first >= 0 && first < second && second <= 511, `${first},${second}`);
  }
});

test("the smallest range holds one VM with one device", () => {
  const pair = drawPair(SMALL, [], always);
  assert.equal(pair, [10, 11]);
  const vmm = drawProcessCategory(SMALL, pair, { taken: [], inUse: [] });
  const device = drawProcessCategory(SMALL, pair, { taken: [vmm], inUse: [] });
  assert.equal([vmm, device].sort(), [12, 13]);
  assert.throws(() => drawProcessCategory(SMALL, pair, { taken: [vmm, device], inUse: [] }), /categories of c10-c13/);
  assert.throws(() => drawPair(SMALL, [pair], always), /categories of c10-c13/);
});

/** Levels that others have, in a range whose only pair is c10,c11: with each of them it may not be drawn. */
for (const [what, level] of [
  ["the same pair", [10, 11]],
  ["a level that has it and more", [10, 11, 900]],
  ["a part of it", [11]],
] as const) {
  test(`a pair is refused beside ${what}`, () => {
    assert.throws(() => drawPair(SMALL, [level], always), /all in use/);
  });
}

test("a level that shares one category with it is none of its business", () => {
  assert.equal(drawPair(SMALL, [[11, 900]], always), [10, 11]);
  assert.equal(drawPair(SMALL, [[]], always), [10, 11]);
});

test("a pair that the registry does not give is drawn again", () => {
  const asked: CategoryPair[] = [];
  const pair = drawPair(ALL, [], (drawn) => asked.push(drawn) > 3);
  assert.is(asked.length, 4);
  assert.equal(asked.at(-1), pair);
});

test("a process category never makes a level that dominates another manager's", () => {
  // As libvirt draws them: two of all categories.
  const foreign = [10, 12];
  const pair: CategoryPair = [10, 11];
  const category = drawProcessCategory(SMALL, pair, { taken: [], inUse: [foreign] });
  assert.is(category, 13);
  assert.not(dominates([...pair, category], foreign));
});

test.run();
