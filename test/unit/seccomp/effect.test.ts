import * as assert from "uvu/assert";
import { describeEffect, effectOf, type KernelVersion, winningAnswer } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";

const test = suite("effects of answers");

const word = (answer: number, kernel?: KernelVersion) => describeEffect(effectOf(answer, kernel));
const V4_13: KernelVersion = { major: 4, minor: 13 };
const V4_20: KernelVersion = { major: 4, minor: 20 };

test("known actions: their names, and data where somebody sees it", () => {
  const answers = [0x80000003, 0, 0x30007, 0x50026, 0x7fc00001, 0x7ff00002, 0x7ffc0001, 0x7fff0001];
  const names = ["kill-process", "kill-thread", "trap 7", "errno 38", "notify", "trace 2", "log", "allow"];
  assert.equal(
    answers.map((answer) => word(answer)),
    names,
  );
});

test("error numbers: cut down to 4095", () => {
  assert.is(word(0x5ffff), "errno 4095");
});

test("an unknown action: kills the process, before Linux 4.14 the thread", () => {
  assert.is(word(0x10000), "kill-process");
  assert.is(word(0x10000, V4_13), "kill-thread");
});

test("actions of later kernels: unknown to earlier ones", () => {
  assert.equal([word(0x7fc00000), word(0x7fc00000, V4_20), word(0x7fc00000, V4_13)], ["notify", "kill-process", "kill-thread"]);
  assert.equal([word(0x7ffc0000, V4_20), word(0x7ffc0000, V4_13)], ["log", "kill-thread"]);
  assert.is(word(0x80000000, V4_13), "kill-thread");
});

test("a stack: the strongest counts, of equals the newest, compared as signed", () => {
  assert.is(winningAnswer([0x50001, 0x50002]), 0x50001);
  assert.is(winningAnswer([0, 0x80000000]), 0x80000000);
  assert.is(winningAnswer([0x10000, 0xffff0000]), 0xffff0000);
  assert.is(winningAnswer([]), 0x7fff0000);
});

test.run();
