import * as assert from "uvu/assert";
import {
  type CompareResult,
  combinePhases,
  comparePolicies,
  comparePrograms,
  compareSources,
  type FilterRules,
  prove,
  type SeccompAction,
  type SyscallRule,
  stackPrograms,
  writeProgram,
} from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { policy, rule } from "../rules_for_tests.js";

const test = suite("comparison of filters");

const ENOSYS: SeccompAction = { kind: "errno", errno: 38, name: "ENOSYS" };
const EPERM: SeccompAction = { kind: "errno", errno: 1, name: "EPERM" };
const rules = (...run: readonly SyscallRule[]): FilterRules => combinePhases(policy(run), "run");

/** One line for each change, as a reviewer might read it. */
function lines(result: CompareResult): string[] {
  if (result.relation === null) return [result.undecided];
  const changes = result.changes.map(({ calls, a, b, direction, when, whenShortened }) => {
    const where = when.length === 0 ? "" : ` when ${when.join(" or ")}${whenShortened ? " or more" : ""}`;
    return `${calls}: ${a} -> ${b} (${direction})${where}`;
  });
  return [result.relation, ...changes];
}

test("the same rules in another order: equal", () => {
  assert.equal(lines(comparePolicies(rules(rule("read"), rule("write")), rules(rule("write"), rule("read")))), ["equal"]);
});

test("rules that say the same in other words: equal", () => {
  const below = rules(rule("read", [{ index: 0, width: 32, op: "<", value: 2n }]));
  const listed = rules(rule("read", [{ index: 0, width: 32, op: "in", values: [0n, 1n] }]));
  assert.equal(lines(comparePolicies(below, listed)), ["equal"]);
});

test("one call more: within, and named", () => {
  const result = comparePolicies(rules(rule("read")), rules(rule("read"), rule("openat")));
  assert.equal(lines(result), ["a-within-b", "openat: kill-process -> allow (weaker)"]);
  const turned = comparePolicies(rules(rule("read"), rule("openat")), rules(rule("read")));
  assert.equal(lines(turned), ["b-within-a", "openat: allow -> kill-process (stricter)"]);
});

test("one more here and one less there: different, both named", () => {
  assert.equal(lines(comparePolicies(rules(rule("read")), rules(rule("write")))), [
    "different",
    "read: allow -> kill-process (stricter)",
    "write: kill-process -> allow (weaker)",
  ]);
});

test("arguments: in the words of a reviewer, by value, low half, mask and range", () => {
  const narrow = rules(
    rule("ioctl", [{ index: 1, width: 32, op: "==", value: 0x5421n }]),
    rule("mmap", [{ index: 2, width: 64, op: "==", value: 0n }]),
    rule("read", [{ index: 2, width: 64, op: "<", value: 0x1000n }]),
    rule("fcntl", [{ index: 1, width: 64, op: "==", value: 3n }]),
  );
  const wide = rules(
    rule("ioctl", [{ index: 1, width: 32, op: "in", values: [0x5421n, 0xae80n] }]),
    rule("mmap", [{ index: 2, width: 64, op: "masked-equal", mask: 4n, value: 0n }]),
    rule("read", [{ index: 2, width: 64, op: "<=", value: 0x1_0000_0005n }]),
    rule("fcntl", [{ index: 1, width: 64, op: "in", values: [3n, 0x400n] }]),
  );
  const [relation, ...changes] = lines(comparePolicies(narrow, wide));
  assert.is(relation, "a-within-b");
  assert.ok(changes.includes("ioctl: kill-process -> allow (weaker) when low half of arg1 == 0xae80"), changes.join("\n"));
  assert.ok(changes.includes("read: kill-process -> allow (weaker) when arg2 in 0x1000..0x100000005"), changes.join("\n"));
  assert.ok(changes.includes("fcntl: kill-process -> allow (weaker) when arg1 == 0x400"), changes.join("\n"));
  assert.match(changes.find((change) => change.startsWith("mmap")) ?? "", /\(arg2 & 0x[0-9a-f]+\) == 0x/);
});

test("another error number: different, and neither weaker nor stricter", () => {
  const result = comparePolicies(rules(rule("clone3", [], ENOSYS)), rules(rule("clone3", [], EPERM)));
  assert.equal(lines(result), ["different", "clone3: errno 38 -> errno 1 (other)"]);
});

test("calls beyond the table: other arches, x32, unknown numbers", () => {
  const allowAll = { rules: [], otherwise: { kind: "allow" } } as const;
  const killAll = { rules: [], otherwise: { kind: "kill-process" } } as const;
  const changes = lines(comparePolicies(killAll, { ...allowAll, foreign: { kind: "allow" } }));
  assert.equal(changes.slice(-3), [
    "numbers without a syscall: kill-process -> allow (weaker)",
    "x32 calls: kill-process -> allow (weaker)",
    "calls of other arches: kill-process -> allow (weaker)",
  ]);
});

const always = (answer: number) => writeProgram([{ code: 0x06, operand: answer, jumpTrue: 0, jumpFalse: 0 }]);
const ALLOW = 0x7fff0000;

test("a stack: the strongest answer counts, of two error numbers the newest", () => {
  const stack = (...answers: readonly number[]) => stackPrograms(answers.map(always));
  const one = (answer: number) => ({ kind: "program", program: always(answer) }) as const;
  assert.is(compareSources(stack(ALLOW, 0x50001), one(0x50001)).relation, "equal");
  assert.is(compareSources(stack(0x80000000, ALLOW), one(0x80000000)).relation, "equal");
  assert.is(compareSources(stack(0x50001, 0x50002), one(0x50002)).relation, "equal");
  assert.is(compareSources(stack(0x50001, 0x50002), one(0x50001)).relation, "different");
  assert.is(compareSources(stack(0, 0x10000), one(0)).relation, "equal");
  assert.is(compareSources(stack(), one(ALLOW)).relation, "equal");
  assert.ok(prove({ rules: [], otherwise: { kind: "kill-process" } }, stack(ALLOW, 0x80000000)).equal);
});

test("a program against rules, and one that the kernel would refuse", () => {
  const killAll = { kind: "rules", rules: rules() } as const;
  assert.is(compareSources(killAll, { kind: "program", program: always(0x80000000) }).relation, "equal");
  assert.is(compareSources(killAll, { kind: "program", program: always(ALLOW) }).relation, "a-within-b");
  const refused = writeProgram([{ code: 0x20, operand: 2, jumpTrue: 0, jumpFalse: 0 }]);
  assert.match(lines(comparePrograms(always(ALLOW), refused))[0] ?? "", /the kernel would refuse a program/);
});

test.run();
