import { syscallName } from "../syscall_numbers.js";
import { argumentWords, type BitOrder, WORD, WORD_BITS, WORDS } from "./call_words.js";
import { type Diagrams, FALSE, type Node } from "./diagram.js";

/** Everything that a filter sees of a call: struct seccomp_data. */
export interface Call {
  /** Unsigned 32 bits; x32 calls have bit 30 set. */
  readonly number: number;
  /** AUDIT_ARCH_*. */
  readonly arch: number;
  readonly instructionPointer: bigint;
  /** All six, 64 bits each. */
  readonly args: readonly bigint[];
}

/** AUDIT_ARCH_X86_64: include/uapi/linux/audit.h. */
export const ARCH_X86_64 = 0xc000003e;
const ARGUMENTS = 6;

/** A call by which a diagram comes to anything but FALSE. Bits that do not matter are 0. The diagram must not be FALSE itself. */
export function findCall(diagrams: Diagrams, order: BitOrder, node: Node): Call {
  const set = new Set<number>();
  let here = node;
  while (!diagrams.isEnd(here)) {
    // No node but FALSE itself is FALSE for all inputs, so each side that is not FALSE leads somewhere.
    if (diagrams.low(here) === FALSE) {
      set.add(diagrams.level(here));
      here = diagrams.high(here);
    } else here = diagrams.low(here);
  }
  return callOf(set, order);
}

/** Where a diagram ends for one call. */
export function findEnd(diagrams: Diagrams, order: BitOrder, { node, call }: { node: Node; call: Call }): Node {
  const { number, arch, instructionPointer, args } = call;
  const wide = [instructionPointer, ...args].flatMap((value) => [Number(value & 0xffffffffn), Number(value >> 32n)]);
  const words = [number, arch, ...wide];
  const set = new Set<number>();
  order.forEach((level, position) => {
    if (((words[Math.floor(position / WORD_BITS)] as number) >>> (position % WORD_BITS)) & 1) set.add(level);
  });
  let here = node;
  while (!diagrams.isEnd(here)) here = set.has(diagrams.level(here)) ? diagrams.high(here) : diagrams.low(here);
  return here;
}

/** The call with these bits set, given by their levels. */
export function callOf(setLevels: ReadonlySet<number>, order: BitOrder): Call {
  const words = new Array<number>(WORDS).fill(0);
  order.forEach((level, position) => {
    const word = Math.floor(position / WORD_BITS);
    if (setLevels.has(level)) words[word] = (words[word] as number) + 2 ** (position % WORD_BITS);
  });
  const wide = (low: number, high: number): bigint => (BigInt(words[high] as number) << 32n) | BigInt(words[low] as number);
  return {
    number: words[WORD.number] as number,
    arch: words[WORD.arch] as number,
    instructionPointer: wide(WORD.pointerLow, WORD.pointerHigh),
    args: Array.from({ length: ARGUMENTS }, (_, index) => {
      const { low, high } = argumentWords(index);
      return wide(low, high);
    }),
  };
}

/** `ioctl(0x0, 0x5421, 0x0, 0x0, 0x0, 0x0)`, with arch and instruction pointer where they are not the usual ones. */
export function wordCall({ number, arch, instructionPointer, args }: Call): string {
  const listed = args.map((arg) => `0x${arg.toString(16)}`).join(", ");
  const name = arch === ARCH_X86_64 ? syscallName(number) : undefined;
  const place = arch === ARCH_X86_64 ? "" : ` of arch 0x${arch.toString(16)}`;
  const pointer = instructionPointer === 0n ? "" : ` from address 0x${instructionPointer.toString(16)}`;
  return `${name ?? `syscall 0x${number.toString(16)}`}(${listed})${place}${pointer}`;
}
