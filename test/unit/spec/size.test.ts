import * as assert from "uvu/assert";
import { formatSize, parseSize } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";

const test = suite("sizes");

test("parseSize: units are powers of 1024, plain numbers are bytes", () => {
  assert.equal(
    [parseSize("1K"), parseSize("3M"), parseSize("2G"), parseSize("7"), parseSize(9)],
    [1024, 3 * 1024 ** 2, 2 * 1024 ** 3, 7, 9],
  );
});

test("parseSize: what is no positive exact number of bytes is undefined", () => {
  for (const written of ["", "0", "01K", "1k", "1T", "-1", "1.5M", " 1", "1 ", "8388608G", 0, -1, 1.5, 2 ** 53, Number.NaN]) {
    assert.is(parseSize(written), undefined, String(written));
  }
});

test("formatSize: the largest unit that divides, and parseSize takes it back", () => {
  for (const [sizeBytes, written] of [
    [1024 ** 3, "1G"],
    [1536 * 1024 ** 2, "1536M"],
    [1025 * 1024, "1025K"],
    [1000, "1000"],
  ] as const) {
    assert.is(formatSize(sizeBytes), written);
    assert.is(parseSize(written), sizeBytes);
  }
});

test.run();
