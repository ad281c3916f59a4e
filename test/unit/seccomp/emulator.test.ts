import * as assert from "uvu/assert";
import {
  AUDIT_ARCH_X86_64,
  type BpfInstruction,
  emulate,
  emulateStack,
  evaluate,
  findProgramFault,
} from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";

const test = suite("BPF emulator");

/** Opcodes as include/uapi/linux/bpf_common.h gives them. */
const LD_ABS = 0x20;
const LD_IMM = 0x00;
const LD_MEM = 0x60;
const LD_LEN = 0x80;
const LDX_IMM = 0x01;
const LDX_MEM = 0x61;
const LDX_LEN = 0x81;
const ST = 0x02;
const STX = 0x03;
const RET_K = 0x06;
const RET_A = 0x16;
const TAX = 0x07;
const TXA = 0x87;
const NEG = 0x84;
const JA = 0x05;

const op = (code: number, operand = 0, jumpTrue = 0, jumpFalse = 0): BpfInstruction => ({ code, operand, jumpTrue, jumpFalse });
const CALL = {
  number: 0x12345678,
  arch: AUDIT_ARCH_X86_64,
  instructionPointer: 0x1122334455667788n,
  args: [0xaabbccdd00112233n, 0n, 0n, 0n, 0n, 7n],
};
const answer = (...program: BpfInstruction[]) => {
  assert.is(findProgramFault(program), null);
  return emulate(program, CALL);
};

test("absolute loads: every word of the call's data, low half first", () => {
  const words = new Map([
    [0, 0x12345678],
    [4, AUDIT_ARCH_X86_64],
    [8, 0x55667788],
    [12, 0x11223344],
    [16, 0x00112233],
    [20, 0xaabbccdd],
    [56, 7],
    [60, 0],
  ]);
  for (const [offset, word] of words) assert.is(answer(op(LD_ABS, offset), op(RET_A)), word, String(offset));
});

const ARITHMETIC: readonly (readonly [name: string, code: number, left: number, right: number, result: number])[] = [
  ["add wraps", 0x04, 0xffffffff, 2, 1],
  ["sub wraps", 0x14, 0, 1, 0xffffffff],
  ["mul keeps the low word", 0x24, 0xffffffff, 0xffffffff, 1],
  ["div is unsigned", 0x34, 0xfffffffe, 2, 0x7fffffff],
  ["or", 0x44, 0x80000001, 0x70, 0x80000071],
  ["and", 0x54, 0xf0f0f0f0, 0xff000000, 0xf0000000],
  ["lsh drops the top", 0x64, 0x80000001, 1, 2],
  ["rsh is unsigned", 0x74, 0x80000000, 31, 1],
  ["xor", 0xa4, 0xffffffff, 0x0f, 0xfffffff0],
];
for (const [name, code, left, right, result] of ARITHMETIC) {
  test(`arithmetic: ${name}, by K and by X alike`, () => {
    assert.is(answer(op(LD_IMM, left), op(code, right), op(RET_A)), result);
    assert.is(answer(op(LD_IMM, left), op(LDX_IMM, right), op(code | 8), op(RET_A)), result);
  });
}

test("arithmetic: negation is two's complement", () => {
  assert.is(answer(op(LD_IMM, 1), op(NEG), op(RET_A)), 0xffffffff);
});

test("division by an X of zero: ends the filter with 0, kill-thread", () => {
  assert.is(answer(op(LD_IMM, 5), op(LDX_IMM, 0), op(0x3c), op(RET_K, 0x7fff0000)), 0);
});

test("shift by an X above 31: takes the low five bits", () => {
  assert.is(answer(op(LD_IMM, 1), op(LDX_IMM, 33), op(0x6c), op(RET_A)), 2);
});

test("registers: A and X start at 0, move both ways, and go through scratch", () => {
  assert.is(answer(op(RET_A)), 0);
  assert.is(answer(op(LD_IMM, 9), op(TXA), op(RET_A)), 0);
  assert.is(answer(op(LD_IMM, 9), op(TAX), op(LD_IMM, 1), op(TXA), op(RET_A)), 9);
  assert.is(answer(op(LD_IMM, 9), op(ST, 15), op(LD_IMM, 1), op(LD_MEM, 15), op(RET_A)), 9);
  assert.is(answer(op(LDX_IMM, 8), op(STX, 0), op(LDX_IMM, 1), op(LDX_MEM, 0), op(TXA), op(RET_A)), 8);
});

test("length loads: 64, the size of the call's data", () => {
  assert.is(answer(op(LD_LEN), op(RET_A)), 64);
  assert.is(answer(op(LDX_LEN), op(TXA), op(RET_A)), 64);
});

const JUMPS: readonly (readonly [name: string, code: number, left: number, right: number, taken: boolean])[] = [
  ["jeq equal", 0x15, 7, 7, true],
  ["jeq different", 0x15, 7, 8, false],
  ["jgt is unsigned", 0x25, 0x80000000, 1, true],
  ["jgt equal", 0x25, 1, 1, false],
  ["jge equal", 0x35, 1, 1, true],
  ["jge smaller", 0x35, 0, 1, false],
  ["jset common bit", 0x45, 0x80000001, 0x80000000, true],
  ["jset no common bit", 0x45, 1, 2, false],
];
for (const [name, code, left, right, taken] of JUMPS) {
  test(`jump: ${name}`, () => {
    const ends = [op(RET_K, 10), op(RET_K, 20)];
    assert.is(answer(op(LD_IMM, left), op(code, right, 1, 0), ...ends), taken ? 20 : 10);
    assert.is(answer(op(LD_IMM, left), op(LDX_IMM, right), op(code | 8, 0, 1, 0), ...ends), taken ? 20 : 10);
  });
}

test("jump always: skips K instructions", () => {
  assert.is(answer(op(JA, 1), op(RET_K, 1), op(RET_K, 2)), 2);
});

test("an evaluation: names the instruction that answered, and counts those executed", () => {
  const program = [op(JA, 1), op(RET_K, 1), op(LD_IMM, 7), op(RET_A)];
  assert.equal(evaluate(program, CALL), { answer: 7, line: 3, executed: 3 });
  assert.equal(evaluate([op(LDX_IMM, 0), op(0x3c), op(RET_K, 5)], CALL), { answer: 0, line: 1, executed: 2 });
});

test("a stack: runs all filters, the last one first", () => {
  const always = (operand: number) => [op(RET_K, operand)];
  assert.is(emulateStack([always(0x50001), always(0x50002), always(0x7fff0000)], CALL), 0x50002);
});

const FAULTS: readonly (readonly [name: string, program: readonly BpfInstruction[], fault: RegExp])[] = [
  ["no instruction", [], /0 instructions/],
  ["4097 instructions", Array.from({ length: 4097 }, () => op(RET_K)), /4097/],
  ["a last instruction that does not return", [op(LD_IMM)], /must return/],
  ["modulo", [op(0x94, 2), op(RET_A)], /opcode 0x94/],
  ["an indirect load", [op(0x40), op(RET_A)], /opcode 0x40/],
  ["a byte load", [op(0x30), op(RET_A)], /opcode 0x30/],
  ["a half-word load", [op(0x28), op(RET_A)], /opcode 0x28/],
  ["returning X", [op(0x0e)], /opcode 0xe/],
  ["an unaligned load", [op(LD_ABS, 2), op(RET_A)], /offset 2/],
  ["a load past the data", [op(LD_ABS, 64), op(RET_A)], /offset 64/],
  ["division by constant zero", [op(0x34, 0), op(RET_A)], /division/],
  ["a constant shift by 32", [op(0x64, 32), op(RET_A)], /shift by 32/],
  ["a 17th scratch word", [op(ST, 16), op(RET_A)], /scratch word 16/],
  ["reading scratch that was never written", [op(LD_MEM, 3), op(RET_A)], /read before it is written/],
  ["reading scratch written on one path only", [op(0x15, 0, 1, 0), op(ST, 1), op(LD_MEM, 1), op(RET_A)], /read before/],
  ["a jump past the end", [op(JA, 1), op(RET_K)], /jumps 1 ahead with 1 to go/],
  ["a conditional jump past the end", [op(0x15, 0, 0, 9), op(RET_K)], /jumps 9 ahead/],
];
for (const [name, program, fault] of FAULTS) {
  test(`program check: ${name} is refused`, () => assert.match(findProgramFault(program) ?? "accepted", fault));
}

test("program check: scratch written on both paths may be read", () => {
  assert.is(findProgramFault([op(0x15, 0, 0, 2), op(ST, 1), op(JA, 1), op(ST, 1), op(LD_MEM, 1), op(RET_A)]), null);
});

test("program check: behind a jump only the paths that lead there count", () => {
  const program = [op(0x15, 0, 2, 0), op(ST, 1), op(JA, 2), op(LD_IMM, 1), op(JA, 1), op(LD_MEM, 1), op(RET_A)];
  assert.is(findProgramFault(program), null);
});

test.run();
