import * as assert from "uvu/assert";
import { cubesOf, intersect } from "../../../src/seccomp/cubes.js";
import { type ArgumentCheck, checkHolds } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { rule } from "./rules_for_tests.js";

const test = suite("checks as cubes");

type Shape = Parameters<typeof rule>[1] extends readonly (infer C)[] | undefined ? C : never;
const BOUNDS = [
  0n,
  1n,
  4n,
  5n,
  0x7fffffffn,
  0x80000000n,
  0xfffffffen,
  0xffffffffn,
  0x100000000n,
  0x1_2345_6789n,
  0xffffffffffffffffn,
];

function shapes(): Shape[] {
  return ([32, 64] as const).flatMap((width) =>
    BOUNDS.flatMap((value): Shape[] => [
      ...(["==", "!=", "<", "<=", ">", ">="] as const).map((op) => ({ index: 0, width, op, value }) as const),
      ...([0n, 4n, 0xf0f0n, 0xffffffffn, 0xffffffffffffffffn] as const).flatMap((mask) => [
        { index: 0, width, op: "masked-equal", mask, value: value & mask } as const,
        { index: 0, width, op: "masked-not-equal", mask, value: value & mask } as const,
      ]),
      { index: 0, width, op: "in", values: [value, 5n] },
      { index: 0, width, op: "not-in", values: [value, 5n, 6n] },
    ]),
  );
}

function values(): bigint[] {
  const near = BOUNDS.flatMap((bound) => [bound - 1n, bound, bound + 1n, bound ^ 0x100000000n, bound ^ 0x8000n]);
  return [...new Set(near.map((value) => BigInt.asUintN(64, value)))];
}

test("every comparison: its cubes hold exactly the values that it holds for", () => {
  const wrong = shapes().flatMap((shape) => {
    const [check] = rule("read", [shape]).checks as [ArgumentCheck];
    const cubes = cubesOf(check);
    return values()
      .filter((value) => checkHolds(check, [value]) !== cubes.some((cube) => (value & cube.mask) === cube.value))
      .map((value) => `${check.op} at ${check.width} bits: 0x${value.toString(16)}`);
  });
  assert.equal(wrong, []);
});

test("intersection: compatible bits are joined, contrary ones give nothing", () => {
  assert.equal(intersect({ mask: 3n, value: 1n }, { mask: 6n, value: 4n }), { mask: 7n, value: 5n });
  assert.is(intersect({ mask: 3n, value: 1n }, { mask: 1n, value: 0n }), undefined);
});

test.run();
