import {
  type ArgumentCheck,
  type FilterRules,
  type SeccompAction,
  SYSCALL_NUMBERS,
  type SyscallData,
  type SyscallRule,
} from "../../../src/seccomp/index.js";
import type { Random } from "./random.js";

const ARCH_X86_64 = 0xc000003e;
const SYSCALLS = ["read", "mmap", "ioctl", "clone", "fcntl"];
/** Where halves, signs and carries meet. */
const EDGES = [
  0n,
  1n,
  2n,
  0x7fffffffn,
  0x80000000n,
  0xfffffffen,
  0xffffffffn,
  0x1_00000000n,
  0x1_00000001n,
  0x1_ffffffffn,
  0x2_00000000n,
  0x7fffffff_ffffffffn,
  0x80000000_00000000n,
  0xffffffff_00000000n,
  0xffffffff_fffffffen,
  0xffffffff_ffffffffn,
];
const ACTIONS: readonly SeccompAction[] = [
  { kind: "allow" },
  { kind: "errno", errno: 38, name: "ENOSYS" },
  { kind: "notify" },
  { kind: "log" },
  { kind: "trap" },
];
const ORDERS = ["==", "!=", "<", "<=", ">", ">="] as const;

export interface RulesShape {
  readonly rulesMax: number;
  readonly checksMax: number;
}

/** Rules for a few syscalls, one action for each, so that they never contradict themselves. Values repeat, so that rules overlap. */
export function randomRules(random: Random, shape: RulesShape): FilterRules {
  const values = Array.from({ length: 6 }, () => (random.chance(70) ? random.pick(EDGES) : random.wide()));
  const actions = new Map(SYSCALLS.map((syscall) => [syscall, random.pick(ACTIONS)]));
  const syscalls = SYSCALLS.slice(0, 1 + random.below(SYSCALLS.length));
  const rules = Array.from({ length: 1 + random.below(shape.rulesMax) }, (_, line): SyscallRule => {
    const syscall = random.pick(syscalls);
    const checks = Array.from({ length: random.below(shape.checksMax + 1) }, () => randomCheck(random, values));
    const position = { file: "sets/random.yaml", line: line + 1, column: 1 };
    return { syscall, checks, action: actions.get(syscall) ?? { kind: "allow" }, why: "a test makes it", position };
  });
  return { rules, otherwise: random.chance(80) ? { kind: "kill-process" } : { kind: "errno", errno: 1, name: "EPERM" } };
}

function randomCheck(random: Random, values: readonly bigint[]): ArgumentCheck {
  const width = random.chance(70) ? 64 : 32;
  const own = (value: bigint): bigint => (width === 64 ? value : value & 0xffffffffn);
  const place = { index: random.below(3) as ArgumentCheck["index"], width, text: "a random check" } as const;
  switch (random.below(10)) {
    case 0:
    case 1: {
      const mask = own(random.pick(values));
      return { ...place, op: random.chance(70) ? "masked-equal" : "masked-not-equal", mask, value: random.pick(values) & mask };
    }
    case 2: {
      const several = Array.from({ length: 1 + random.below(3) }, () => own(random.pick(values)));
      return { ...place, op: random.chance(70) ? "in" : "not-in", values: several };
    }
    default:
      return { ...place, op: random.pick(ORDERS), value: own(random.pick(values)) };
  }
}

/** A call near the edges of the rules. */
export function randomCallFor(random: Random, { rules }: FilterRules): SyscallData {
  const bounds = rules.flatMap(({ checks }) => checks.flatMap((check) => ("values" in check ? check.values : [check.value])));
  const masks = rules.flatMap(({ checks }) => checks.flatMap((check) => ("mask" in check ? [check.mask] : [])));
  const argument = (): bigint => {
    const base = random.chance(85) && bounds.length > 0 ? random.pick(bounds) : random.pick(EDGES);
    const other = masks.length > 0 && random.chance(30) ? random.pick(masks) : 0n;
    const turned = random.chance(30) ? 1n << BigInt(random.below(64)) : 0n;
    return BigInt.asUintN(64, (base + random.pick([0n, 0n, 0n, 1n, -1n, 1n << 32n])) ^ other ^ turned);
  };
  return {
    number: random.chance(95) ? (SYSCALL_NUMBERS.get(random.pick(SYSCALLS)) ?? 0) : random.word(),
    arch: random.chance(97) ? ARCH_X86_64 : random.word(),
    args: Array.from({ length: 6 }, argument),
  };
}
