import {
  type BpfInstruction,
  type BpfProgram,
  type FilterRules,
  SYSCALL_NUMBERS,
  type SyscallRule,
  writeProgram,
} from "../../../src/seccomp/index.js";
import { Random } from "./random.js";

/** Opcodes of include/uapi/linux/bpf_common.h, and answers of include/uapi/linux/seccomp.h. */
const of = (code: number, operand = 0, jumpTrue = 0, jumpFalse = 0): BpfInstruction => ({ code, operand, jumpTrue, jumpFalse });
const load = (byte: number): BpfInstruction => of(0x20, byte);
const isEqual = (value: number, otherwise: number): BpfInstruction => of(0x15, value, 0, otherwise);
const ALLOW = of(0x06, 0x7fff0000);
const KILL = of(0x06, 0x80000000);

const INSTRUCTIONS = 4096;
const GUARD = [load(4), of(0x15, 0xc000003e, 1, 0), KILL, load(0), of(0x35, 0x40000000, 0, 1), KILL];

/** Programs as long as the kernel takes them, with the rules that they are: one comparison after the other, nothing shared. */
export function largestPrograms(): (readonly [name: string, rules: FilterRules, program: BpfProgram])[] {
  return [
    ["one value of an argument after another", ...chain(oneSyscall)],
    ["two arguments of one syscall after another", ...chain(manySyscalls)],
  ];
}

interface Link {
  readonly rule: SyscallRule;
  readonly body: readonly BpfInstruction[];
}

function chain(make: (random: Random) => Link): [FilterRules, BpfProgram] {
  const random = new Random(61);
  const rules: SyscallRule[] = [];
  const links: BpfInstruction[] = [];
  for (let link = make(random); GUARD.length + links.length + link.body.length < INSTRUCTIONS; link = make(random)) {
    rules.push(link.rule);
    links.push(...link.body);
  }
  // What is left over loads a word in vain; it stands before the links, so that the last of them is the last.
  const filling = new Array<BpfInstruction>(INSTRUCTIONS - GUARD.length - links.length - 1).fill(load(0));
  return [{ rules, otherwise: { kind: "kill-process" } }, writeProgram([...GUARD, ...filling, ...links, KILL])];
}

function oneSyscall(random: Random): Link {
  const value = random.wide();
  const body = [load(0), isEqual(16, 5), load(28), isEqual(high(value), 3), load(24), isEqual(low(value), 1), ALLOW];
  return { rule: ruleOf("ioctl", [value, 1]), body };
}

function manySyscalls(random: Random): Link {
  const [syscall, number] = random.pick([...SYSCALL_NUMBERS]);
  const [first, second] = [random.wide(), BigInt(random.below(64))];
  const body = [
    load(0),
    isEqual(number, 9),
    load(20),
    isEqual(high(first), 7),
    load(16),
    isEqual(low(first), 5),
    load(36),
    isEqual(0, 3),
    load(32),
    isEqual(low(second), 1),
    ALLOW,
  ];
  return { rule: ruleOf(syscall, [first, 0], [second, 2]), body };
}

function ruleOf(syscall: string, ...equalities: readonly (readonly [value: bigint, index: 0 | 1 | 2])[]): SyscallRule {
  const checks = equalities.map(([value, index]) => ({ index, width: 64, op: "==", value, text: "a random value" }) as const);
  return {
    syscall,
    checks,
    action: { kind: "allow" },
    why: "a test makes it",
    position: { file: "sets/large.yaml", line: 1, column: 1 },
  };
}

function high(value: bigint): number {
  return Number(value >> 32n);
}

function low(value: bigint): number {
  return Number(value & 0xffffffffn);
}
