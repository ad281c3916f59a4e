import * as assert from "uvu/assert";
import { compileWithLibseccomp } from "../../../../src/seccomp/compile_libseccomp.js";
import {
  type BpfInstruction,
  type BpfProgram,
  combinePhases,
  describeEffect,
  effectOf,
  emulate,
  type FilterRules,
  type Proof,
  prove,
  requireProof,
  writeProgram,
} from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { mutantsOf } from "../../../support/seccomp/mutants.js";
import { Random } from "../../../support/seccomp/random.js";
import { randomCallFor } from "../../../support/seccomp/random_rules.js";
import { effectByRules, sameEffect } from "../../../support/seccomp/rules_by_hand.js";
import { policy, rule } from "../rules_for_tests.js";

const test = suite("proof of a program", { timeoutMs: 20_000 });

const ARCH = 0xc000003e;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const load = (word: number): BpfInstruction => ({ code: 0x20, operand: 4 * word, jumpTrue: 0, jumpFalse: 0 });
const equal = (operand: number, jumpTrue: number, jumpFalse: number): BpfInstruction => ({
  code: 0x15,
  operand,
  jumpTrue,
  jumpFalse,
});
const answer = (operand: number): BpfInstruction => ({ code: 0x06, operand, jumpTrue: 0, jumpFalse: 0 });
const of = (code: number, operand = 0): BpfInstruction => ({ code, operand, jumpTrue: 0, jumpFalse: 0 });

/** Kills other arches and x32, then runs the body with A holding the number. */
function guarded(...body: BpfInstruction[]): BpfProgram {
  const isX32 = { code: 0x35, operand: 0x40000000, jumpTrue: 0, jumpFalse: 1 };
  return writeProgram([load(1), equal(ARCH, 1, 0), answer(KILL), load(0), isX32, answer(KILL), ...body]);
}

const READ_ONLY = combinePhases(policy([rule("read")]), "run");

function callOf(proof: Proof): string {
  if (proof.equal !== false) return JSON.stringify(proof);
  const { nr, args, policy: planned, program, direction } = proof.counterexample;
  return `${nr}(${args.join(",")}) ${planned} -> ${program}: ${direction}`;
}

test("a program that is its rules: equal", () => {
  assert.ok(prove(READ_ONLY, guarded(equal(0, 0, 1), answer(ALLOW), answer(KILL))).equal);
});

test("one number more: the call, and that it is weaker", () => {
  const program = guarded(equal(0, 1, 0), equal(57, 0, 1), answer(ALLOW), answer(KILL));
  assert.is(callOf(prove(READ_ONLY, program)), "57(0,0,0,0,0,0) kill-process -> allow: weaker");
});

test("one number less: stricter", () => {
  assert.is(callOf(prove(READ_ONLY, guarded(answer(KILL)))), "0(0,0,0,0,0,0) allow -> kill-process: stricter");
});

test("another error number: neither, and told", () => {
  const filter: FilterRules = { ...READ_ONLY, otherwise: { kind: "errno", errno: 38, name: "ENOSYS" } };
  const program = guarded(equal(0, 0, 1), answer(ALLOW), answer(0x50001));
  assert.match(callOf(prove(filter, program)), /errno 38 -> errno 1: other/);
});

test("data that nobody sees: no difference", () => {
  assert.ok(prove(READ_ONLY, guarded(equal(0, 0, 1), answer(ALLOW + 5), answer(KILL + 9))).equal);
});

test("an unknown action: kills the process, as the kernel does", () => {
  assert.ok(prove(READ_ONLY, guarded(equal(0, 0, 1), answer(ALLOW), answer(0x12340000))).equal);
});

test("one value of 2^64 let through: found", () => {
  const value = 0x1234_5678_9abc_def0n;
  const body = [equal(0, 0, 5), load(7), equal(Number(value >> 32n), 0, 3), load(6), equal(Number(value & 0xffffffffn), 0, 1)];
  const filter: FilterRules = { ...READ_ONLY, rules: [] };
  const program = guarded(...body, answer(ALLOW), answer(KILL));
  assert.is(callOf(prove(filter, program)), `0(0,${value},0,0,0,0) kill-process -> allow: weaker`);
  const check = { index: 1, width: 64, op: "==", value } as const;
  assert.ok(prove({ ...filter, rules: [rule("read", [check])] }, program).equal);
});

test("one instruction pointer let through: found, with the pointer", () => {
  const program = guarded(equal(0, 4, 0), load(2), equal(0xdeadbeef, 1, 0), answer(KILL), answer(ALLOW), answer(ALLOW));
  const proof = prove(READ_ONLY, program);
  assert.is(proof.equal === false ? proof.counterexample.instructionPointer & 0xffffffffn : null, 0xdeadbeefn);
});

const COMPUTED: readonly (readonly [name: string, body: readonly BpfInstruction[], value: bigint])[] = [
  ["a masked and shifted word", [load(4), of(0x54, 0xff00), of(0x74, 8)], 0x4200n],
  ["a sum", [load(4), of(0x04, 0xffffffff)], 0x43n],
  ["a difference from X", [of(0x01, 0x84), load(4), of(0x07), of(0x00, 0x84), of(0x1c)], 0x42n],
  ["a product", [load(4), of(0x24, 3), of(0x54, 0x1fff_ffff)], 0x16n],
  ["a quotient", [load(4), of(0x34, 10)], 660n],
  ["a shift by X", [of(0x01, 33), load(4), of(0x6c)], 0x21n],
  ["a word through scratch", [load(4), of(0x02, 7), of(0x00, 1), of(0x60, 7)], 0x42n],
];
for (const [name, body, value] of COMPUTED) {
  test(`a condition on ${name}: decided exactly, and a witness found`, () => {
    const program = guarded(equal(0, 0, body.length + 2), ...body, equal(0x42, 0, 1), answer(ALLOW), answer(KILL));
    const proof = prove({ ...READ_ONLY, rules: [] }, program);
    assert.is(proof.equal, false, name);
    if (proof.equal !== false) return;
    assert.is(proof.counterexample.program, "allow");
    assert.is(describeEffect(effectOf(emulate(program.instructions, { ...proof.counterexample, number: 0 }))), "allow");
    assert.is(describeEffect(effectOf(emulate(program.instructions, { number: 0, arch: ARCH, args: [value] }))), "allow");
  });
}

test("two words compared with each other: decided by reading them together", () => {
  const body = [equal(0, 0, 6), load(4), of(0x07), load(6), { ...equal(0, 0, 1), code: 0x1d }, answer(ALLOW), answer(KILL)];
  const proof = prove({ ...READ_ONLY, rules: [] }, guarded(...body, answer(KILL)));
  assert.is(callOf(proof), "0(0,0,0,0,0,0) kill-process -> allow: weaker");
});

test("a product of two words: refused with a reason, not passed", () => {
  const body = [load(4), of(0x07), load(6), of(0x2c), equal(0x12345679, 0, 1), answer(ALLOW), answer(KILL)];
  const proof = prove(READ_ONLY, guarded(...body), { nodesMax: 100_000, operationsMax: 500_000 });
  assert.match(proof.equal === null ? proof.undecided : "decided", /more than \d+/);
});

test("a program that the kernel would refuse: not proved", () => {
  const proof = prove(READ_ONLY, writeProgram([load(0)]));
  assert.match(proof.equal === null ? proof.undecided : "decided", /the last one must return/);
});

test("requireProof: names call, both answers and direction", () => {
  const weaker = guarded(equal(0, 1, 0), equal(57, 0, 1), answer(ALLOW), answer(KILL));
  assert.throws(
    () => requireProof(READ_ONLY, weaker),
    /fork\(0x0, .*\) gets allow, and the policy says kill-process: it is weaker/,
  );
});

test("every mutant of a compiled filter that some call tells apart is found, and each counterexample is one", () => {
  const source = policy([
    rule("read"),
    rule("ioctl", [{ index: 1, width: 32, op: "in", values: [0x5421n, 0xae80n] }]),
    rule("mmap", [{ index: 2, width: 64, op: "masked-equal", mask: 4n, value: 0n }]),
    rule("fcntl", [{ index: 2, width: 64, op: "<", value: 0x1_0000_0001n }]),
  ]);
  const filter = combinePhases(source, "run");
  const program = compileWithLibseccomp(source, { phases: "run" });
  const random = new Random(7);
  const calls = Array.from({ length: 300 }, () => randomCallFor(random, filter));
  let told = 0;
  for (const mutant of mutantsOf(program)) {
    const proof = prove(filter, mutant);
    const differs = calls.some((call) => !sameEffect(effectOf(emulate(mutant.instructions, call)), effectByRules(filter, call)));
    if (differs) assert.is(proof.equal, false, mutant.bytes.toString("hex"));
    if (proof.equal !== false) continue;
    told += 1;
    const { nr, ...call } = proof.counterexample;
    const given = effectOf(emulate(mutant.instructions, { ...call, number: nr }));
    assert.is(describeEffect(given), proof.counterexample.program);
    assert.not.ok(sameEffect(given, effectByRules(filter, { ...call, number: nr })));
  }
  assert.ok(told > 200, `only ${told} mutants differ`);
});

test.run();
