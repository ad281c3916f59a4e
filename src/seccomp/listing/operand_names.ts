import { constantsOfFamily, findConstant } from "../constants/index.js";
import { AUDIT_ARCH_X86_64 } from "../emulator.js";
import { SYSCALL_NUMBERS, syscallName } from "../syscall_numbers.js";
import { syscallArguments } from "../syscall_signatures.js";
import type { Knowledge } from "./register_content.js";

/** AUDIT_ARCH_* of include/uapi/linux/audit.h, by the names that seccomp-tools prints. */
const ARCHES: ReadonlyMap<string, number> = new Map([
  ["ARCH_X86_64", AUDIT_ARCH_X86_64],
  ["ARCH_I386", 0x40000003],
  ["ARCH_AARCH64", 0xc00000b7],
  ["ARCH_ARM", 0x40000028],
  ["ARCH_S390X", 0x80000016],
  ["ARCH_RISCV64", 0xc00000f3],
]);

/** Words of struct seccomp_data before the arguments, by offset. */
const FIXED_WORDS: ReadonlyMap<number, string> = new Map([
  [0, "sys_number"],
  [4, "arch"],
  [8, "instruction_pointer"],
  [12, "instruction_pointer >> 32"],
]);
const ARGUMENTS_OFFSET = 16;
const ARGUMENTS = 6;
const WORD_MASK = 0xffffffffn;

/** A word of the call's data as a listing writes it: `sys_number`, `args[1]`, `args[1] >> 32`. Undefined for no such word. */
export function wordName(offset: number): string | undefined {
  if (offset < ARGUMENTS_OFFSET) return FIXED_WORDS.get(offset);
  const index = Math.floor((offset - ARGUMENTS_OFFSET) / 8);
  if (index >= ARGUMENTS || offset % 4 !== 0) return undefined;
  return offset % 8 === 0 ? `args[${index}]` : `args[${index}] >> 32`;
}

/** The inverse of `wordName`. */
export function wordOffset(name: string): number | undefined {
  for (const [offset, word] of FIXED_WORDS) if (word === name) return offset;
  const found = /^args\[([0-5])\]( >> 32)?$/.exec(name);
  return found === null ? undefined : ARGUMENTS_OFFSET + 8 * Number(found[1]) + (found[2] === undefined ? 0 : 4);
}

/** The argument that A holds the low half of, with the syscall's name, where both are known. */
export function knownArgument({ offset, first, last }: Knowledge) {
  if (offset === null || first !== last || offset < ARGUMENTS_OFFSET || offset % 8 !== 0) return undefined;
  const syscall = syscallName(first);
  const argument = syscall === undefined ? undefined : syscallArguments(syscall)?.[(offset - ARGUMENTS_OFFSET) / 8];
  return syscall === undefined || argument === undefined ? undefined : { syscall, argument };
}

/** A compared value by name where one says the same: a syscall, an arch, a constant of the argument's family; else in hex. */
export function operandName(operand: number, knowledge: Knowledge): string {
  const named = knowledge.offset === null ? undefined : nameOf(operand, knowledge);
  return named ?? hex(operand);
}

function nameOf(operand: number, knowledge: Knowledge): string | undefined {
  if (knowledge.offset === 0) return syscallName(operand);
  if (knowledge.offset === 4) return [...ARCHES].find(([, arch]) => arch === operand)?.[0];
  const family = knownArgument(knowledge)?.argument.family ?? null;
  if (family === null || operand === 0) return undefined;
  return constantsOfFamily(family).find(({ value }) => Number(value & WORD_MASK) === operand)?.name;
}

/** A mask as names of single bits where all its bits have one: `MAP_SHARED|MAP_FIXED`; else in hex. */
export function maskName(mask: number, knowledge: Knowledge): string {
  const whole = operandName(mask, knowledge);
  const family = knownArgument(knowledge)?.argument.family ?? null;
  if (family === null || whole !== hex(mask)) return whole;
  const names: string[] = [];
  for (let bit = 1, rest = mask; rest !== 0; bit = (bit << 1) >>> 0) {
    if ((rest & bit) === 0) continue;
    const named = constantsOfFamily(family).find(({ value }) => Number(value & WORD_MASK) === bit);
    if (named === undefined) return hex(mask);
    names.push(named.name);
    rest = (rest & ~bit) >>> 0;
  }
  return names.length === 0 ? hex(mask) : names.join("|");
}

/** A value of a syscall's argument in words: a constant of its family, names of bits, or a decimal number. */
export function argumentValueName(syscall: string, index: number, value: bigint): string {
  const number = SYSCALL_NUMBERS.get(syscall) ?? 0;
  const knowledge = { offset: ARGUMENTS_OFFSET + 8 * index, first: number, last: number };
  if (value > WORD_MASK) return value.toString();
  const name = maskName(Number(value), knowledge);
  return name === hex(Number(value)) ? value.toString() : name;
}

/** The value of one name or number of a listing; undefined for what is neither, or does not fit 32 bits. */
export function operandValue(word: string): number | undefined {
  if (/^(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(word)) {
    const value = Number(word);
    return value <= Number(WORD_MASK) ? value : undefined;
  }
  const constant = findConstant(word);
  const known = SYSCALL_NUMBERS.get(word) ?? ARCHES.get(word);
  return known ?? (constant === undefined ? undefined : Number(constant.value & WORD_MASK));
}

/** Everything that `operandValue` knows by name, for suggestions. */
export function operandWords(): string[] {
  return [...SYSCALL_NUMBERS.keys(), ...ARCHES.keys()];
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
