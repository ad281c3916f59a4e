import * as assert from "uvu/assert";
import { CallSpace } from "../../../../src/seccomp/checker/call_space.js";
import { answerTo } from "../../../../src/seccomp/checker/counterexample.js";
import { BudgetExceeded } from "../../../../src/seccomp/checker/diagram.js";
import { effectOf } from "../../../../src/seccomp/effect.js";
import { type BpfProgram, emulate, emulateStack, type SyscallData } from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { Random } from "../../../support/seccomp/random.js";
import { randomCall, randomProgram } from "../../../support/seccomp/random_programs.js";

const test = suite("walk of a program", { timeoutMs: 20_000 });

/** Programs that compute much with several words are left undecided. */
const BUDGET = { nodesMax: 200_000, operationsMax: 1_000_000 };

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
  for (let count = 0; count < 120; count += 1) {
    const program = randomProgram(random, { lengthMax: 30, decidable: true });
    const calls = Array.from({ length: 40 }, () => randomCall(random, program));
    try {
      assert.equal(disagreements([program], calls), [], program.bytes.toString("hex"));
      decided += 1;
    } catch (error) {
      if (!(error instanceof BudgetExceeded)) throw error;
    }
  }
  assert.ok(decided > 110, `${decided} of 120 were decided`);
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
