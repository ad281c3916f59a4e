import * as assert from "uvu/assert";
import { compileWithLibseccomp } from "../../../src/seccomp/compile_libseccomp.js";
import {
  AUDIT_ARCH_X86_64,
  type BpfProgram,
  describeAnswer,
  emulate,
  type SeccompPolicy,
  SYSCALL_NUMBERS,
  X32_BIT,
} from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { policy, rule } from "./rules_for_tests.js";

const test = suite("filters by libseccomp", { timeoutMs: 20_000 });

function ask(program: BpfProgram, syscall: string, ...args: bigint[]): string {
  return describeAnswer(
    emulate(program.instructions, { number: SYSCALL_NUMBERS.get(syscall) ?? -1, arch: AUDIT_ARCH_X86_64, args }),
  );
}

function codeOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "nothing was thrown";
}

test("a bare rule: allows the call, and all others kill the process", () => {
  const program = compileWithLibseccomp(policy([rule("read")]), { phases: "run" });
  assert.is(ask(program, "read"), "allow");
  assert.is(ask(program, "write"), "kill-process");
});

test("other arches and x32: killed, whatever the number", () => {
  const { instructions } = compileWithLibseccomp(policy([rule("read")]), { phases: "run" });
  const read = { number: 0, arch: AUDIT_ARCH_X86_64, args: [] };
  assert.is(describeAnswer(emulate(instructions, { ...read, arch: 0x40000003 })), "kill-process");
  assert.is(describeAnswer(emulate(instructions, { ...read, number: X32_BIT })), "kill-process");
});

test("phases: a start call is killed, allowed or notified", () => {
  const both = policy([rule("read")], [rule("openat")]);
  const answers = (["run", "start+run", "lock-down"] as const).map((phases) =>
    ask(compileWithLibseccomp(both, { phases }), "openat"),
  );
  assert.equal(answers, ["kill-process", "allow", "notify"]);
});

test("one syscall in both phases: split by its argument", () => {
  const exec = { index: 2, width: 64, op: "masked-equal", mask: 4n } as const;
  const program = compileWithLibseccomp(
    policy([rule("mmap", [{ ...exec, value: 0n }])], [rule("mmap", [{ ...exec, value: 4n }])]),
    { phases: "lock-down" },
  );
  assert.is(ask(program, "mmap", 0n, 0n, 3n), "allow");
  assert.is(ask(program, "mmap", 0n, 0n, 5n), "notify");
});

test("an errno answer: carries the number", () => {
  const program = compileWithLibseccomp(policy([rule("clone3", [], { kind: "errno", errno: 38, name: "ENOSYS" })]), {
    phases: "run",
  });
  assert.is(ask(program, "clone3"), "errno 38");
});

test("a 32-bit check: ignores what the kernel ignores, the high half", () => {
  const program = compileWithLibseccomp(
    policy([rule("ioctl", [{ index: 1, width: 32, op: "in", values: [0x5421n, 0xae80n] }])]),
    { phases: "run" },
  );
  assert.is(ask(program, "ioctl", 0n, 0x5421n), "allow");
  assert.is(ask(program, "ioctl", 0n, 0xffffffff0000ae80n), "allow");
  assert.is(ask(program, "ioctl", 0n, 0x5420n), "kill-process");
});

/** Shapes that libseccomp 2.5.4 compiles wrongly, or cannot express, when it is given them as they are. */
const SHAPES: readonly (readonly [name: string, policy: SeccompPolicy])[] = [
  [
    "two ranges over two arguments",
    policy([
      rule("read", [
        { index: 2, width: 64, op: ">", value: 4096n },
        { index: 0, width: 64, op: "<", value: 12n },
      ]),
      rule("read", [
        { index: 2, width: 64, op: "<", value: 10n },
        { index: 1, width: 64, op: ">=", value: 0x1_0000_0001n },
      ]),
    ]),
  ],
  [
    "many 64-bit equalities sharing halves",
    policy([
      rule("mmap", [
        { index: 0, width: 64, op: "==", value: 0x1_0000_0005n },
        { index: 1, width: 64, op: "==", value: 0x2_0000_0006n },
      ]),
      rule("mmap", [
        { index: 0, width: 64, op: "==", value: 0x1_0000_0007n },
        { index: 1, width: 64, op: "==", value: 0x2_0000_0006n },
      ]),
      rule("mmap", [{ index: 1, width: 64, op: "==", value: 0x3_0000_0006n }]),
    ]),
  ],
  [
    "a range on one argument",
    policy([
      rule("read", [
        { index: 0, width: 32, op: ">=", value: 3n },
        { index: 0, width: 32, op: "<=", value: 9n },
      ]),
    ]),
  ],
  ["inequality at 32 bits", policy([rule("ioctl", [{ index: 1, width: 32, op: "!=", value: 0x5421n }])])],
  ["none of several", policy([rule("fcntl", [{ index: 1, width: 32, op: "not-in", values: [3n, 4n, 1024n] }])])],
  ["masked inequality", policy([rule("mmap", [{ index: 2, width: 64, op: "masked-not-equal", mask: 6n, value: 6n }])])],
  ["no value can match", policy([rule("read", [{ index: 2, width: 64, op: "<", value: 0n }]), rule("write")])],
  ["every value matches", policy([rule("read", [{ index: 2, width: 64, op: ">=", value: 0n }])])],
  ["a narrow and a bare rule", policy([rule("read", [{ index: 0, width: 32, op: "==", value: 2n }]), rule("read")])],
];
for (const [name, shape] of SHAPES) {
  test(`shape: ${name}, compiles to what it says`, () => {
    assert.ok(compileWithLibseccomp(shape, { phases: "run" }).instructions.length > 0);
  });
}

test("rules that answer one call differently are refused with both places", () => {
  const refuse = { kind: "errno", errno: 1, name: "EPERM" } as const;
  const mixed = policy([rule("read"), rule("read", [{ index: 0, width: 32, op: "==", value: 1n }], refuse)]);
  assert.is(
    codeOf(() => compileWithLibseccomp(mixed, { phases: "run" })),
    "rules-conflict",
  );
});

test("a rule that multiplies to thousands is refused", () => {
  const wide = ([0, 1, 2] as const).map((index) => ({ index, width: 64, op: "!=", value: 0n }) as const);
  assert.is(
    codeOf(() => compileWithLibseccomp(policy([rule("read", wide)]), { phases: "run" })),
    "rule-too-wide",
  );
});

test.run();
