/** One instruction as the checker understands it. Jump targets and words are absolute. `operand`: a constant, or the X register. */
export type Instruction =
  | { readonly kind: "load"; readonly to: Register; readonly source: Source }
  | { readonly kind: "store"; readonly from: Register; readonly slot: number }
  | { readonly kind: "arithmetic"; readonly operation: Arithmetic; readonly operand: Operand }
  | { readonly kind: "negate" }
  | { readonly kind: "jump"; readonly target: number }
  | { readonly kind: "branch"; readonly test: Test; readonly operand: Operand; readonly yes: number; readonly no: number }
  | { readonly kind: "return"; readonly value: number | "a" }
  | { readonly kind: "move"; readonly to: Register };

export type Register = "a" | "x";
export type Operand = number | "x";
export type Source = { readonly word: number } | { readonly constant: number } | { readonly slot: number };
export type Arithmetic = "add" | "subtract" | "multiply" | "divide" | "or" | "and" | "shift-left" | "shift-right" | "xor";
export type Test = "equal" | "greater" | "at-least" | "share-bit";

/** sizeof(struct sock_filter): u16 code, u8 jt, u8 jf, u32 k. */
const INSTRUCTION_BYTES = 8;
/** What BPF_LEN loads: sizeof(struct seccomp_data). */
const CALL_BYTES = 64;

/** Opcodes as include/uapi/linux/bpf_common.h composes them, written out; bit 3 of the last two tables chooses X over K. */
const LOADS: Readonly<Record<number, (operand: number) => { to: Register; source: Source }>> = {
  0: (operand) => ({ to: "a", source: { constant: operand } }),
  1: (operand) => ({ to: "x", source: { constant: operand } }),
  32: (operand) => ({ to: "a", source: { word: operand / 4 } }),
  96: (operand) => ({ to: "a", source: { slot: operand } }),
  97: (operand) => ({ to: "x", source: { slot: operand } }),
  128: () => ({ to: "a", source: { constant: CALL_BYTES } }),
  129: () => ({ to: "x", source: { constant: CALL_BYTES } }),
};
const ARITHMETIC: Readonly<Record<number, Arithmetic>> = {
  4: "add",
  20: "subtract",
  36: "multiply",
  52: "divide",
  68: "or",
  84: "and",
  100: "shift-left",
  116: "shift-right",
  164: "xor",
};
const TESTS: Readonly<Record<number, Test>> = { 21: "equal", 37: "greater", 53: "at-least", 69: "share-bit" };
const BY_X = 8;

/** Reads the bytes that the kernel is given. Throws RangeError on an opcode that it would not accept. */
export function decodeProgram(bytes: Buffer): Instruction[] {
  return Array.from({ length: bytes.length / INSTRUCTION_BYTES }, (_, index) => decodeAt(bytes, index));
}

function decodeAt(bytes: Buffer, index: number): Instruction {
  const offset = index * INSTRUCTION_BYTES;
  const code = bytes.readUInt16LE(offset);
  const constant = bytes.readUInt32LE(offset + 4);
  const operand = (code & BY_X) === 0 ? constant : "x";
  const load = LOADS[code];
  if (load !== undefined) return { kind: "load", ...load(constant) };
  const operation = ARITHMETIC[code & ~BY_X];
  if (operation !== undefined) return { kind: "arithmetic", operation, operand };
  const test = TESTS[code & ~BY_X];
  if (test !== undefined) {
    const [yes, no] = [bytes.readUInt8(offset + 2), bytes.readUInt8(offset + 3)];
    return { kind: "branch", test, operand, yes: index + 1 + yes, no: index + 1 + no };
  }
  switch (code) {
    case 2:
      return { kind: "store", from: "a", slot: constant };
    case 3:
      return { kind: "store", from: "x", slot: constant };
    case 5:
      return { kind: "jump", target: index + 1 + constant };
    case 6:
      return { kind: "return", value: constant };
    case 22:
      return { kind: "return", value: "a" };
    case 7:
      return { kind: "move", to: "x" };
    case 135:
      return { kind: "move", to: "a" };
    case 132:
      return { kind: "negate" };
    default:
      throw new RangeError(`instruction ${index}: opcode ${code} is none that a seccomp filter may use`);
  }
}
