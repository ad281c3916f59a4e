import { execFileSync } from "node:child_process";
import * as assert from "uvu/assert";
import {
  type BpfInstruction,
  type Effect,
  effectOf,
  emulate,
  emulateStack,
  findProgramFault,
  type SyscallData,
} from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { askKernel, type PlannedCall, type Question } from "../support/seccomp/kernel_answers.js";
import { Random } from "../support/seccomp/random.js";
import { randomCall, randomProgram } from "../support/seccomp/random_programs.js";
import { trappingProgram } from "../support/seccomp/trapping_program.js";
import { type CompiledVictim, compileVictim } from "../support/victim/compile_victim.js";

const test = suite("emulator against the kernel", { timeoutMs: 60_000 });
const i386 = suite("emulator against the kernel, by both entries", { needs: ["ia32-emulation"], timeoutMs: 60_000 });

let answers: CompiledVictim;
let stacks: CompiledVictim;
test.before(() => {
  answers = compileVictim("bpf_answers");
  stacks = compileVictim("stacked_answers", ["-pthread"]);
});
test.after(() => {
  answers.remove();
  stacks.remove();
});
i386.before(() => {
  answers = compileVictim("bpf_answers");
});
i386.after(() => answers.remove());

const AUDIT_ARCH = { syscall: 0xc000003e, int80: 0x40000003 } as const;
const PROGRAMS = 1000;
const CALLS = 12;

function randomQuestion(random: Random, int80: boolean): Question {
  const program = randomProgram(random, { lengthMax: 60, decidable: false });
  const calls = Array.from({ length: CALLS }, (): PlannedCall => {
    const { number, args } = randomCall(random, program);
    return { number, args, entry: int80 && random.chance(25) ? "int80" : "syscall" };
  });
  return { program: trappingProgram(program.instructions, random.chance(50) ? "high" : "low"), calls };
}

/** Data of the TRAP answer; null where the emulator says that the call is killed. */
function emulated(program: readonly BpfInstruction[], call: SyscallData): number | null {
  const { action, data } = effectOf(emulate(program, call));
  return action === "trap" ? data : null;
}

const TITLE = `${PROGRAMS} random programs with ${CALLS} calls each: the kernel's machine gives the emulator's answer`;
test(TITLE, () => compareWithKernel({ seed: 41, int80: false }));
i386(TITLE, () => compareWithKernel({ seed: 43, int80: true }));

function compareWithKernel({ seed, int80 }: { readonly seed: number; readonly int80: boolean }): void {
  const random = new Random(seed);
  const questions = Array.from({ length: PROGRAMS }, () => randomQuestion(random, int80));
  const told = askKernel(answers, questions);
  const pointers = findPointers(questions, told);
  let killed = 0;
  for (const [index, { program, calls }] of questions.entries()) {
    const { loadError, answers: given } = told[index] as (typeof told)[number];
    assert.is(loadError, 0);
    for (const [place, { entry }] of calls.entries()) {
      const { data, call } = given[place] as (typeof given)[number];
      const seen = { ...call, arch: AUDIT_ARCH[entry], instructionPointer: pointers.get(entry) ?? 0n };
      assert.is(emulated(program, seen), data, JSON.stringify(program));
      if (data === null) killed += 1;
    }
  }
  assert.ok(killed > 20, `only ${killed} calls divided by zero`);
  assert.equal([...pointers.keys()].sort(), int80 ? ["int80", "syscall"] : ["syscall"]);
}

/** Each entry is one instruction of the victim, so its address is the same for every call. */
function findPointers(questions: readonly Question[], told: ReturnType<typeof askKernel>): Map<PlannedCall["entry"], bigint> {
  const pointers = new Map<PlannedCall["entry"], bigint>();
  for (const [index, { calls }] of questions.entries()) {
    for (const [place, { entry }] of calls.entries()) {
      const answer = told[index]?.answers[place];
      if (answer === undefined || answer.data === null) continue;
      const { arch, instructionPointer = 0n } = answer.call;
      assert.is(arch, AUDIT_ARCH[entry]);
      assert.is(instructionPointer, pointers.get(entry) ?? instructionPointer);
      pointers.set(entry, instructionPointer);
    }
  }
  return pointers;
}

/** Instructions that are often not acceptable, each in few ways, so that many programs have one fault only. */
function spoiltProgram(random: Random): BpfInstruction[] {
  const program = [...randomProgram(random, { lengthMax: 20, decidable: false }).instructions];
  for (let count = random.below(3); count > 0; count -= 1) {
    const index = random.below(program.length);
    const one = program[index] as BpfInstruction;
    program[index] = random.pick([
      { ...one, code: random.below(256) },
      { ...one, code: one.code ^ (1 << random.below(16)) },
      { ...one, operand: random.pick([0, 15, 16, 31, 32, 60, 62, 64, 0x7fffffff, 0xffffffff, 0xfffff000]) },
      { ...one, jumpTrue: random.below(program.length + 2), jumpFalse: random.below(4) },
    ]);
  }
  return program;
}

test("4000 programs, many of them spoilt: the kernel refuses those that we refuse, with EINVAL, and loads the others", () => {
  const random = new Random(42);
  const long = (length: number): BpfInstruction[] =>
    Array.from({ length }, () => ({ code: 0x06, operand: 0, jumpTrue: 0, jumpFalse: 0 }));
  const programs = [[], long(1), long(4096), long(4097), ...Array.from({ length: 4000 }, () => spoiltProgram(random))];
  const told = askKernel(
    answers,
    programs.map((program) => ({ program, calls: [] })),
  );
  const reasons = new Map<string, number>();
  for (const [index, program] of programs.entries()) {
    const fault = findProgramFault(program);
    assert.is(told[index]?.loadError, fault === null ? 0 : 22, `${fault}: ${JSON.stringify(program)}`);
    const reason = fault === null ? "none" : fault.replaceAll(/0x[0-9a-f]+|\d+/g, "N");
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  // Every class of fault was met, and so was its absence.
  assert.equal([...reasons.keys()].sort(), [
    "N instructions; the kernel takes N to N",
    "instruction N: division by zero",
    "instruction N: jumps N ahead with N to go",
    "instruction N: offset N is no word of the call's data",
    "instruction N: opcode N is not allowed in a seccomp filter",
    "instruction N: scratch word N is read before it is written",
    "instruction N: scratch word N of N",
    "instruction N: shift by N bits",
    "instruction N: the last one must return",
    "none",
  ]);
});

/** All actions, with data that is cut down, seen or not; and unknown ones between each two known. */
const ANSWERS = [
  0, 0x10000, 0x30000, 0x30007, 0x40000, 0x50000, 0x50005, 0x51000, 0x5ffff, 0x60000, 0x7fc00001, 0x7fc10000, 0x7ff00002,
  0x7ff10000, 0x7ffc0003, 0x7ffd0000, 0x7fff0000, 0x7fff0009, 0x80000000, 0x80000004, 0x80010000, 0xffff0000,
];
const RETURN_ANSWER = (operand: number): BpfInstruction[] => [{ code: 0x06, operand, jumpTrue: 0, jumpFalse: 0 }];

/** What a process sees of an effect. Without a listener and a tracer their answers are ENOSYS; the log is nobody's who is filtered. */
function visible({ action, data }: Effect): string {
  switch (action) {
    case "allow":
    case "log":
      return "ran";
    case "errno":
      return `returned ${-data}`.replace("-0", "0");
    case "trap":
      return `trapped ${data}`;
    case "notify":
    case "trace":
      return "returned -38";
    case "kill-thread":
      return "thread killed";
    case "kill-process":
      return "process killed";
  }
}

test(`every answer alone and every two stacked, ${ANSWERS.length} and their square: the kernel does what effectOf says`, () => {
  const planned = [...ANSWERS.map((answer) => [answer]), ...ANSWERS.flatMap((old) => ANSWERS.map((recent) => [old, recent]))];
  const lines = execFileSync(
    stacks.path,
    planned.map((stack) => stack.join(",")),
    { encoding: "utf8" },
  )
    .trim()
    .split("\n");
  const call = { number: 39, arch: AUDIT_ARCH.syscall, args: [] };
  const wrong = planned.flatMap((stack, index) => {
    const wanted = visible(effectOf(emulateStack(stack.map(RETURN_ANSWER), call)));
    return wanted === lines[index] ? [] : [`${stack.map((one) => one.toString(16))}: ${lines[index]}, not ${wanted}`];
  });
  assert.equal(wrong, []);
  assert.is(lines.length, planned.length);
});

test.run();
i386.run();
