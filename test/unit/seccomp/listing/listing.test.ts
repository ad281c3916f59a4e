import { join } from "node:path";
import * as assert from "uvu/assert";
import { listRoles, loadRolePolicy } from "../../../../src/policy/index.js";
import {
  assemble,
  type BpfInstruction,
  combinePhases,
  disassemble,
  formatListing,
  generateFilter,
  writeProgram,
} from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { repositoryRoot } from "../../../support/repository.js";
import { Random } from "../../../support/seccomp/random.js";

const test = suite("listings of programs", { timeoutMs: 20_000 });

const folder = join(repositoryRoot, "policies");
const bytesOf = (instructions: readonly BpfInstruction[]): string => writeProgram(instructions).bytes.toString("hex");
const textsOf = (...instructions: BpfInstruction[]): string[] => disassemble(instructions).map(({ text }) => text);
const op = (code: number, operand = 0, jumpTrue = 0, jumpFalse = 0): BpfInstruction => ({ code, operand, jumpTrue, jumpFalse });

function problemOf(text: string): string {
  try {
    assemble(text, "x.asm");
  } catch (error) {
    assert.is((error as { code: string }).code, "listing-invalid");
    return (error as Error).message;
  }
  return "";
}

for (const role of listRoles(folder)) {
  test(`${role} role: its listing assembles to the same bytes`, () => {
    const { instructions } = generateFilter(combinePhases(loadRolePolicy({ folder, role }).seccomp, "lock-down"), []);
    assert.is(bytesOf(assemble(formatListing(instructions), "listing")), bytesOf(instructions));
  });
}

test("5000 random instructions, most of them malformed: the listing assembles to the same bytes", () => {
  const random = new Random(5);
  const instructions = Array.from({ length: 4000 }, () => ({
    code: random.chance(80) ? random.below(0x100) : random.below(0x10000),
    jumpTrue: random.chance(50) ? 0 : random.below(256),
    jumpFalse: random.chance(50) ? 0 : random.below(256),
    operand: random.chance(50) ? random.below(64) : random.word(),
  }));
  assert.is(bytesOf(assemble(formatListing(instructions), "listing")), bytesOf(instructions));
});

test("the form: as people know it from seccomp-tools", () => {
  const program = assemble(
    "A = arch\nA == ARCH_X86_64 ? next : dead\nA = sys_number\nif (A == read) goto ok\ndead: return KILL\nok: return ALLOW",
    "x",
  );
  assert.is(
    formatListing(program),
    ` line  CODE  JT   JF      K
=================================
 0000: 0x20 0x00 0x00 0x00000004  A = arch
 0001: 0x15 0x00 0x02 0xc000003e  if (A != ARCH_X86_64) goto 0004
 0002: 0x20 0x00 0x00 0x00000000  A = sys_number
 0003: 0x15 0x01 0x00 0x00000000  if (A == read) goto 0005
 0004: 0x06 0x00 0x00 0x00000000  return KILL
 0005: 0x06 0x00 0x00 0x7fff0000  return ALLOW
`,
  );
});

test("names: of arguments and constants where only one syscall leads to the line", () => {
  const program = assemble(
    "A = sys_number\nif (A == ioctl) goto ioctl\nif (A >= 0x48) goto fcntl else goto dead\nioctl: A = args[1]\nA == KVM_RUN ? ok : dead\n" +
      "fcntl: if (A > 0x48) goto dead\nA = args[1]\nif (A == F_GETFL) goto ok\nif (A & 0x4) goto ok\nA = args[2] >> 32\ndead: return KILL\nok: return ALLOW",
    "x",
  );
  const lines = disassemble(program);
  assert.equal(
    [3, 4, 7].map((line) => lines[line]?.text),
    ["A = args[1]", "if (A == KVM_RUN) goto 0011 else goto 0010", "if (A == F_GETFL) goto 0011"],
  );
  assert.equal(
    [3, 6, 9].map((line) => lines[line]?.comment),
    ["request of ioctl", "cmd of fcntl", "arg of fcntl"],
  );
});

test("statements: one for each kind of instruction, and raw for what has no exact words", () => {
  assert.equal(
    textsOf(
      op(0x20, 0x18),
      op(0x20, 0x1c),
      op(0x80),
      op(0x61, 3),
      op(0x02, 15),
      op(0x54, 7),
      op(0x7c),
      op(0x84),
      op(0x07),
      op(0x87),
    ),
    ["A = args[1]", "A = args[1] >> 32", "A = sizeof(struct seccomp_data)", "X = mem[3]", "mem[15] = A"].concat([
      "A &= 0x7",
      "A >>= X",
      "A = -A",
      "X = A",
      "A = X",
    ]),
  );
  assert.equal(textsOf(op(0x05, 4), op(0x06, 0x50026), op(0x16), op(0x06, 0x7fc00000), op(0x06, 0x12345)), [
    "goto 0005",
    "return ERRNO(38)",
    "return A",
    "return USER_NOTIF",
    "return 0x12345",
  ]);
  assert.equal(textsOf(op(0x06, 0, 1, 0), op(0x30, 1)), ["raw 0x6 0x1 0x0 0x0", "raw 0x30 0x0 0x0 0x1"]);
});

const PROBLEMS: readonly (readonly [name: string, text: string, problem: RegExp])[] = [
  ["an unknown label", "goto nowhere\nreturn KILL", /x\.asm:1: no line is labelled "nowhere"/],
  ["a jump back", "a: A = 0x1\ngoto a", /x\.asm:2: a is line 0, and jumps go forward only/],
  ["a condition that reaches too far", `if (A == 1) goto end\n${"A = 0x1\n".repeat(300)}end: return KILL`, /reaches 255 lines/],
  ["an unknown name", "if (A == opnat) goto next", /no value "opnat"/],
  ["a number of 33 bits", "A = 0x100000000", /no value/],
  ["a label twice", "a: A = 0x1\na: return KILL", /the label a stands twice/],
  ["a line with another's number", " 0003: 0x06 0x00 0x00 0x00000000  return KILL", /numbered 0003 and is line 0/],
  ["a line that would take long to match", `A${" ".repeat(100_000)}? a : b`, /10000\d characters; 1000 is the most/],
  ["nothing", "# only words\n", /no statement/],
  ["calculating with X", "X += 0x1", /only A can be calculated with/],
];
for (const [name, text, problem] of PROBLEMS)
  test(`assembling ${name}: refused with file and line`, () => assert.match(problemOf(text), problem));

test("assembling 5000 lines or two megabytes: refused", () => {
  assert.match(problemOf("return KILL\n".repeat(5000)), /4096 is the most/);
  assert.match(problemOf("# ".repeat(1_100_000)), /is the most/);
});

test.run();
