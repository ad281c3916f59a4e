/** Fields of a classic BPF opcode: include/uapi/linux/bpf_common.h and filter.h. */
export const CLASS_MASK = 0x07;
export const CLASS = { ld: 0x00, ldx: 0x01, st: 0x02, stx: 0x03, alu: 0x04, jmp: 0x05, ret: 0x06, misc: 0x07 } as const;
/** Addressing mode of LD and LDX; the size field is W (0) in all that seccomp accepts. */
export const MODE_MASK = 0xe0;
export const MODE = { imm: 0x00, abs: 0x20, mem: 0x60, len: 0x80 } as const;
/** Operation of ALU, JMP and MISC. */
export const OPERATION_MASK = 0xf0;
export const ALU = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  xor: 0xa0,
} as const;
export const JMP = { ja: 0x00, jeq: 0x10, jgt: 0x20, jge: 0x30, jset: 0x40 } as const;
/** Set when the second operand is X, clear when it is K. */
export const SOURCE_X = 0x08;
/** RET takes K (0) or A. */
export const RETURN_A = 0x10;
/** TXA; TAX is 0. */
export const MISC_TXA = 0x80;

/** BPF_MEMWORDS: scratch words of the machine. */
export const SCRATCH_WORDS = 16;
/** BPF_MAXINSNS: longest program. */
export const INSTRUCTIONS_MAX = 4096;
/** sizeof(struct seccomp_data): 4 nr, 4 arch, 8 instruction pointer, 6 x 8 arguments. */
export const SECCOMP_DATA_BYTES = 64;

const OPERATORS = Object.values(ALU).filter((operation) => operation !== ALU.neg);
const CONDITIONS = [JMP.jeq, JMP.jgt, JMP.jge, JMP.jset];

/** Every opcode that seccomp_check_filter() of kernel/seccomp.c lets through. */
export const ACCEPTED_OPCODES: ReadonlySet<number> = new Set([
  CLASS.ld | MODE.abs,
  ...[MODE.len, MODE.imm, MODE.mem].flatMap((mode) => [CLASS.ld | mode, CLASS.ldx | mode]),
  CLASS.st,
  CLASS.stx,
  ...OPERATORS.flatMap((operation) => [CLASS.alu | operation, CLASS.alu | operation | SOURCE_X]),
  CLASS.alu | ALU.neg,
  CLASS.jmp | JMP.ja,
  ...CONDITIONS.flatMap((condition) => [CLASS.jmp | condition, CLASS.jmp | condition | SOURCE_X]),
  CLASS.ret,
  CLASS.ret | RETURN_A,
  CLASS.misc,
  CLASS.misc | MISC_TXA,
]);
