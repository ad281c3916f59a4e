import type { ArgumentCheck, FilterRules, SeccompAction, SyscallRule } from "../../src/seccomp/index.js";

/** Numbers in [0, 1) that a seed decides, so that a failure can be repeated: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Where comparisons of two halves go wrong: ends of words and of halves, and their neighbours. */
const EDGES = [0n, 1n, 2n, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn, 0x100000000n, 0x100000001n, 0x1ffffffffn].concat([
  0x7fffffff00000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffff00000000n,
  0xfffffffffffffffen,
  0xffffffffffffffffn,
]);
const ALL = 0xffffffffffffffffn;
/** Few, so that rules meet on one syscall; neighbours in number, so that they share what they can. */
const SYSCALLS = ["read", "write", "open", "ioctl", "fcntl", "mmap", "clone", "file_setattr"];
const ACTIONS: readonly SeccompAction[] = [
  { kind: "allow" },
  { kind: "errno", errno: 38, name: "ENOSYS" },
  { kind: "notify" },
  { kind: "log" },
  { kind: "trap" },
  { kind: "kill-thread" },
  { kind: "kill-process" },
];
const ORDERED = ["==", "!=", "<", "<=", ">", ">="] as const;

/** Makes random rule sets. Rules of one syscall answer alike, so that no two can contradict each other. */
export class RandomRules {
  readonly #random: () => number;
  readonly #values: bigint[];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#values = [...EDGES];
    for (let count = 0; count < 4; count++) this.#values.push(this.#word() | (this.#word() << 32n), this.#word());
  }

  filter(): FilterRules {
    const answers = new Map(SYSCALLS.map((syscall) => [syscall, this.#pick(ACTIONS)]));
    const rules = Array.from({ length: 1 + this.#below(12) }, (): SyscallRule => {
      const syscall = this.#pick(SYSCALLS);
      const checks = Array.from({ length: this.#below(4) }, () => this.#check());
      return { syscall, checks, action: answers.get(syscall) as SeccompAction, why: "a test", position: POSITION };
    });
    return { rules, otherwise: this.#pick(ACTIONS) };
  }

  /** Arguments at and around the values that the rules compare with. */
  args(): bigint[] {
    return Array.from({ length: 6 }, () => {
      const value = this.#value();
      const near = [value, value + 1n, value - 1n, value ^ (1n << BigInt(this.#below(64))), value | (ALL << 32n)];
      return this.#pick(near) & ALL;
    });
  }

  syscall(): string {
    return this.#pick(SYSCALLS);
  }

  #check(): ArgumentCheck {
    const place = { index: this.#below(3) as ArgumentCheck["index"], width: this.#pick([32, 64] as const), text: "a test" };
    const kind = this.#below(4);
    if (kind === 0) {
      const mask = this.#value();
      // Now and then a value with bits outside the mask, which nothing equals.
      const value = this.#below(8) === 0 ? this.#value() : this.#value() & mask;
      return { ...place, op: this.#pick(["masked-equal", "masked-not-equal"] as const), mask, value };
    }
    if (kind === 1) {
      const values = Array.from({ length: 1 + this.#below(5) }, () => this.#value());
      return { ...place, op: this.#pick(["in", "not-in"] as const), values };
    }
    return { ...place, op: this.#pick(ORDERED), value: this.#value() };
  }

  #value(): bigint {
    return this.#pick(this.#values);
  }

  #word(): bigint {
    return BigInt(Math.floor(this.#random() * 2 ** 32));
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }
}

const POSITION = { file: "sets/random.yaml", line: 1, column: 1 };
