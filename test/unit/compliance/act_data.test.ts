import * as assert from "uvu/assert";
import { ActData, DATA_PAGE_BYTES } from "../../../src/compliance/hostile/act_data.js";
import { suite } from "../../support/harness.js";

const test = suite("the data page of an act", { needs: [], timeoutMs: 5000 });

const ADDRESS = 0x7000_0000n;
const data = (usedBytes = 0) => new ActData(ADDRESS, new Map([["fd", 7n]]), usedBytes);

test("numbers wrap to 64 bits, answers are looked up, with an offset too", () => {
  assert.equal([data().valueOf(-1n), data().valueOf("$fd"), data().valueOf("$fd+8")], [2n ** 64n - 1n, 7n, 15n]);
  assert.throws(() => data().valueOf("$none"), "no none");
});

test("texts end with a zero, and the next thing begins at a multiple of 8", () => {
  const page = data();
  assert.equal(
    [page.valueOf("text:/etc/x"), page.valueOf("hex:ff01"), page.valueOf("room:9")],
    [ADDRESS, ADDRESS + 8n, ADDRESS + 16n],
  );
  assert.is(page.usedBytes, 32);
  assert.equal(page.filled(0).subarray(0, 10), Buffer.from("/etc/x\0\0\xff\x01", "latin1"));
});

test("a list is its words, each an argument again, behind what they point to", () => {
  const page = data(16);
  const address = page.valueOf(["text:ab", 2n]);
  assert.is(address, ADDRESS + 24n);
  const words = page.filled(24);
  assert.equal([words.readBigUInt64LE(), words.readBigUInt64LE(8)], [ADDRESS + 16n, 2n]);
});

test("more than a page is refused", () => {
  assert.throws(() => data(DATA_PAGE_BYTES).valueOf("text:x"), "more than a page");
});

test.run();
