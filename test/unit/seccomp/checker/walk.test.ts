import * as assert from "uvu/assert";
import { CallSpace } from "../../../../src/seccomp/checker/call_space.js";
import { answerTo } from "../../../../src/seccomp/checker/counterexample.js";
import { BudgetExceeded } from "../../../../src/seccomp/checker/diagram.js";
import { effectOf } from "../../../../src/seccomp/effect.js";
import { type BpfProgram, emulate, emulateStack, type SyscallData, writeProgram } from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { Random } from "../../../support/seccomp/random.js";
import { randomCall, randomProgram } from "../../../support/seccomp/random_programs.js";

const test = suite("walk of a program", { timeoutMs: 20_000 });

/** Programs that compute much with several words are left undecided. */
const BUDGET = { nodesMax: 100_000, operationsMax: 400_000 };

function disagreements(programs: readonly BpfProgram[], calls: readonly SyscallData[]): string[] {
  const source = { kind: "stack", programs } as const;
  const space = new CallSpace([source], BUDGET);
  const answer = space.answer(source);
  return calls.flatMap((call) => {
    const planned = effectOf(
      emulateStack(
        programs.map(({ instructions }) => instructions),
        call,
      ),
    );
    const found = effectOf(answerTo(space, answer, { instructionPointer: 0n, ...call }));
    return planned.action === found.action && planned.data === found.data ? [] : [JSON.stringify({ planned, found })];
  });
}

test("random programs: the diagram answers random calls as the emulator does", () => {
  const random = new Random(1);
  let decided = 0;
  for (let count = 0; count < 80; count += 1) {
    const program = randomProgram(random, { lengthMax: 30, decidable: true });
    const calls = Array.from({ length: 40 }, () => randomCall(random, program));
    try {
      assert.equal(disagreements([program], calls), [], program.bytes.toString("hex"));
      decided += 1;
    } catch (error) {
      if (!(error instanceof BudgetExceeded)) throw error;
    }
  }
  assert.ok(decided > 65, `${decided} of 80 were decided`);
});

test("division by a word of the call: as the emulator, and KILL_THREAD where it is 0", () => {
  const of = (code: number, operand = 0) => ({ code, operand, jumpTrue: 0, jumpFalse: 0 });
  // X = arg0; A = 1000 / X; return A * 65536.
  const program = writeProgram([of(0x20, 16), of(0x07), of(0x00, 1000), of(0x3c), of(0x64, 16), of(0x16)]);
  const calls = [0n, 1n, 3n, 200n, 333n, 1000n, 1001n, 0xffffffffn].map((divisor) => ({
    number: 0,
    arch: 0,
    args: [divisor, 0n, 0n, 0n, 0n, 0n],
  }));
  assert.equal(disagreements([program], calls), []);
  assert.is(emulate(program.instructions, calls[0] as SyscallData), 0);
});

test("shifts and products by a word of the call: as the emulator", () => {
  const of = (code: number, operand = 0) => ({ code, operand, jumpTrue: 0, jumpFalse: 0 });
  for (const operation of [0x6c, 0x7c, 0x2c]) {
    // X = arg0 & 63; A = arg1 & 255; return A (operation) X.
    const program = [of(0x20, 16), of(0x54, 63), of(0x07), of(0x20, 24), of(0x54, 255), of(operation), of(0x64, 12), of(0x16)];
    const calls = [0n, 1n, 5n, 31n, 32n, 33n, 63n].flatMap((by) =>
      [1n, 0x80n, 0xa5n].map((value) => ({ number: 0, arch: 0, args: [by, value, 0n, 0n, 0n, 0n] })),
    );
    assert.equal(disagreements([writeProgram(program)], calls), []);
  }
});

test("stacks: the diagram of three filters answers as the emulator does", () => {
  const random = new Random(2);
  for (let count = 0; count < 25; count += 1) {
    const programs = Array.from({ length: 3 }, () => randomProgram(random, { lengthMax: 8, decidable: true }));
    const calls = Array.from({ length: 40 }, () => randomCall(random, random.pick(programs)));
    try {
      assert.equal(disagreements(programs, calls), []);
    } catch (error) {
      if (!(error instanceof BudgetExceeded)) throw error;
    }
  }
});

test("emulator: random programs of all shapes end with an answer", () => {
  const random = new Random(3);
  for (let count = 0; count < 2000; count += 1) {
    const { instructions, bytes } = randomProgram(random, { lengthMax: 60, decidable: false });
    const answer = emulate(instructions, randomCall(random, { instructions, bytes, sha256: "" }));
    assert.ok(Number.isInteger(answer) && answer >= 0 && answer <= 0xffffffff);
  }
});

test.run();
