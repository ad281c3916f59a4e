import * as assert from "uvu/assert";
import {
  assemble,
  type BpfProgram,
  type Call,
  emulate,
  FilterAnalysis,
  generateFilter,
  prove,
  SYSCALL_NUMBERS,
  writeProgram,
} from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { Random } from "../../../support/seccomp/random.js";
import { randomRules } from "../../../support/seccomp/random_rules.js";

const test = suite("questions about a filter", { timeoutMs: 20_000 });

const SYSCALLS = ["read", "mmap", "ioctl", "clone", "fcntl", "write"];
const ARGUMENTS = [0, 1, 2];
const LOW_HALF = 0xffffffffn;
/** SECCOMP_RET_ALLOW and SECCOMP_RET_LOG: include/uapi/linux/seccomp.h. */
const PASSING = [0x7fff0000, 0x7ffc0000];

/** Whether the emulator, which shares nothing with the diagram, lets a call pass. */
function passes({ instructions }: BpfProgram, call: Call): boolean {
  return PASSING.includes((emulate(instructions, call) & 0xffff0000) >>> 0);
}

const withArgument = (call: Call, index: number, value: bigint): Call => ({ ...call, args: call.args.with(index, value) });
const halves = (value: bigint): readonly [bigint, bigint] => [value & LOW_HALF, value >> 32n];

/** Programs of random rules, each proved to be its rules, with the analysis of one or the other. */
function* programs(count: number): Generator<readonly [BpfProgram, FilterAnalysis]> {
  const random = new Random(8);
  for (let made = 0; made < count; made += 1) {
    const rules = randomRules(random, { rulesMax: 8, checksMax: 2 });
    const program = writeProgram(generateFilter(rules, []).instructions);
    assert.is(prove(rules, program).equal, true);
    const source = random.chance(50) ? ({ kind: "rules", rules } as const) : ({ kind: "program", program } as const);
    yield [program, new FilterAnalysis(source)];
  }
}

test("random rules: a call that is said to pass passes by the emulator, one that is said to be refused is", () => {
  let found = 0;
  for (const [program, analysis] of programs(60)) {
    for (const syscall of SYSCALLS) {
      const [passing, refused] = [analysis.findPassing({ syscall }), analysis.findRefused({ syscall })];
      assert.ok(passing !== null || refused !== null);
      for (const call of [passing, refused]) assert.ok(call === null || call.number === SYSCALL_NUMBERS.get(syscall));
      if (passing !== null) assert.ok(passes(program, passing));
      if (refused !== null) assert.not.ok(passes(program, refused));
      for (const { example, answer } of analysis.answersTo({ syscall }))
        assert.is(passes(program, example), ["allow", "log"].includes(answer));
      if (passing !== null && refused !== null) found += 1;
    }
    for (const entry of ["x32", "foreign"] as const) assert.is(analysis.findPassing({ entry }), null);
  }
  assert.ok(found > 20, `${found} syscalls were answered both ways`);
});

test("random rules: a bypass by the high half passes, and not with the half cleared; where none is said, none is found by trying", () => {
  const random = new Random(9);
  let found = 0;
  for (const [program, analysis] of programs(60)) {
    for (const syscall of SYSCALLS) {
      for (const index of ARGUMENTS) {
        const call = analysis.findPassingByHighHalf(syscall, index);
        if (call !== null) {
          const [low, high] = halves(call.args[index] as bigint);
          assert.ok(high !== 0n && passes(program, call));
          assert.not.ok(passes(program, withArgument(call, index, low)));
          found += 1;
          continue;
        }
        const tried = analysis.findPassing({ syscall }) ?? analysis.findRefused({ syscall });
        const wide = withArgument(tried as Call, index, random.wide());
        const [low] = halves(wide.args[index] as bigint);
        assert.not.ok(passes(program, wide) && !passes(program, withArgument(wide, index, low)));
      }
    }
  }
  assert.ok(found >= 5, `${found} bypasses were found`);
});

const CHECK_ARCH = ["A = arch", "if (A != ARCH_X86_64) goto dead", "A = sys_number", "A == read ? next : dead"];
const ENDS = ["dead: return KILL", "ok: return ALLOW"];
const ofText = (...lines: readonly string[]): FilterAnalysis =>
  new FilterAnalysis({ kind: "program", program: writeProgram(assemble([...CHECK_ARCH, ...lines, ...ENDS].join("\n"), "test")) });

for (const [what, compared, lines] of [
  ["one value", true, ["A = args[2]", "A == 0x1000 ? ok : dead"]],
  ["an order", true, ["A = args[2]", "A < 0x1000 ? ok : dead"]],
  ["one flag", false, ["A = args[2]", "A & 4 ? dead : ok"]],
  ["nothing but seven flags of the top byte", false, ["A = args[2]", "A & 0x7e020000 ? dead : ok"]],
  ["both halves", false, ["A = args[2] >> 32", "A == 0 ? next : dead", "A = args[2]", "A == 0x1000 ? ok : dead"]],
  ["no argument", false, ["goto ok"]],
] as const) {
  test(`a low half that is held against ${what} is ${compared ? "" : "not "}compared as a number`, () => {
    const call = ofText(...lines).findLowHalfCompared("read", 2);
    assert.is(call !== null, compared);
    if (call !== null) assert.ok((call.args[2] as bigint) >> 32n !== 0n);
  });
}

test("the arch: ignored where no load of it decides", () => {
  const loads = ["A = arch", "A = sys_number", "A == read ? ok : dead", ...ENDS];
  const program = writeProgram(assemble(loads.join("\n"), "test"));
  assert.is(new FilterAnalysis({ kind: "program", program }).ignoresArch, true);
  assert.is(ofText("goto ok").ignoresArch, false);
  assert.is(new FilterAnalysis({ kind: "stack", programs: [] }).ignoresArch, true);
});

test("a stack: what one filter refuses is refused, whichever it is", () => {
  const of = (name: string) => writeProgram(assemble(`A = sys_number\nA == ${name} ? ok : dead\n${ENDS.join("\n")}`, "test"));
  const analysis = new FilterAnalysis({ kind: "stack", programs: [of("read"), of("write")] });
  for (const syscall of ["read", "write"]) assert.is(analysis.findPassing({ syscall }), null);
});

test.run();
