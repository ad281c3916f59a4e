import * as assert from "uvu/assert";
import {
  AUDIT_ARCH_X86_64,
  type CallFrequency,
  evaluate,
  type FilterRules,
  findConstant,
  generateFilter,
  isConstantAllow,
  prove,
  SYSCALL_NUMBERS,
  type SyscallRule,
} from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { rule } from "../rules_for_tests.js";

const test = suite("our own generator", { timeoutMs: 20_000 });

const filter = (rules: readonly SyscallRule[]): FilterRules => ({ rules, otherwise: { kind: "kill-process" } });
const numberOf = (syscall: string): number => SYSCALL_NUMBERS.get(syscall) as number;
const KVM_RUN = findConstant("KVM_RUN")?.value ?? 0n;

function executed(program: ReturnType<typeof generateFilter>, syscall: string, args: readonly bigint[]): number {
  return evaluate(program.instructions, { number: numberOf(syscall), arch: AUDIT_ARCH_X86_64, args }).executed;
}

function expectProved(rules: FilterRules, frequencies: readonly CallFrequency[] = []): ReturnType<typeof generateFilter> {
  const program = generateFilter(rules, frequencies);
  assert.is(prove(rules, program).equal, true);
  return program;
}

test("no rule: everything is answered by default", () => {
  assert.ok(expectProved(filter([])).instructions.length <= 8);
});

test("a rule without checks: its path looks at number and arch only, so the kernel skips the filter", () => {
  const args = [{ index: 0, width: 32, op: "==", value: 1n }] as const;
  const program = expectProved(filter([rule("read"), rule("write", args), rule("close"), rule("mmap", args)]));
  assert.equal(
    ["read", "close", "write", "mmap", "open"].map((name) => isConstantAllow(program.instructions, numberOf(name))),
    [true, true, false, false, false],
  );
});

test("checks that cover all values: need no look at the argument either", () => {
  const low = rule("read", [{ index: 0, width: 64, op: "<", value: 7n }]);
  const high = rule("read", [{ index: 0, width: 64, op: ">=", value: 7n }]);
  assert.ok(isConstantAllow(expectProved(filter([low, high])).instructions, numberOf("read")));
});

test("a measured call: comes first among syscalls, and its value first among values", () => {
  const requests = Array.from({ length: 40 }, (_, index) => BigInt(0x1000 + 3 * index));
  const ioctl = rule("ioctl", [{ index: 1, width: 32, op: "in", values: [...requests, KVM_RUN] }]);
  const others = [...SYSCALL_NUMBERS.keys()].filter((name) => name !== "ioctl" && numberOf(name) % 3 === 0);
  const rules = filter([ioctl, ...others.map((name) => rule(name))]);
  const hot = [{ syscall: "ioctl", args: [0n, KVM_RUN], count: 1000 }];
  // arch, its test, number, its test, request, its test, return: nothing decides it with less.
  assert.is(executed(expectProved(rules, hot), "ioctl", [0n, KVM_RUN]), 7);
  assert.ok(executed(expectProved(rules), "ioctl", [0n, KVM_RUN]) > 7);
});

test("a program too long for its jumps of 8 bits: reaches everything all the same", () => {
  const values = Array.from({ length: 60 }, (_, index) => BigInt(index * 5));
  const names = ["read", "write", "open", "ioctl", "fcntl", "madvise", "mmap", "mprotect"];
  const rules = names.map((name, index) =>
    rule(name, [
      { index: 0, width: 64, op: "in", values: values.map((value) => value * BigInt(index + 1) + (BigInt(index) << 33n)) },
    ]),
  );
  const program = expectProved(filter(rules));
  assert.ok(program.instructions.length > 512, String(program.instructions.length));
});

test("equal decisions of several syscalls: stand in the program once", () => {
  const check = { index: 2, width: 64, op: "in", values: Array.from({ length: 20 }, (_, index) => BigInt(index * 7)) } as const;
  const one = expectProved(filter([rule("read", [check])])).instructions.length;
  const five = expectProved(filter(["read", "pread64", "readv", "mmap", "write"].map((name) => rule(name, [check]))));
  assert.ok(five.instructions.length < one + 20, `${one} for one, ${five.instructions.length} for five`);
});

test("more than 4096 instructions: refused with the kernel's limit", () => {
  const lists = ["read", "write"].map((name, index) => {
    const values = Array.from({ length: 1600 }, (_, place) => BigInt(place * (5 + index)));
    return rule(name, [{ index: 0, width: 64, op: "in", values }]);
  });
  try {
    generateFilter(filter(lists), []);
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, "filter-too-long");
    assert.match((error as Error).message, /4096/);
  }
});

test("rules that multiply: end with a message, not with memory", () => {
  const bits = Array.from({ length: 32 }, (_, place) => 1n << BigInt(place));
  const rules = bits.flatMap((bit, index) =>
    bits.map((other) =>
      rule("read", [
        { index: 0, width: 32, op: "masked-equal", mask: bit | 1n, value: bit },
        { index: ((index % 5) + 1) as 1, width: 32, op: "masked-not-equal", mask: other | 2n, value: other },
      ]),
    ),
  );
  try {
    generateFilter(filter(rules), []);
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, "filter-too-long");
  }
});

test("other arches, x32 numbers and -1: as the rules have them, with a default that allows", () => {
  const rules = { rules: [rule("read", [], { kind: "kill-process" })], otherwise: { kind: "allow" } } as const;
  expectProved(rules);
  assert.is(
    prove({ ...rules, foreign: { kind: "trap" } }, generateFilter({ ...rules, foreign: { kind: "trap" } }, [])).equal,
    true,
  );
});

test.run();
