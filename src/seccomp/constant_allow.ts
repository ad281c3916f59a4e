import { encodeAction } from "./action.js";
import { ALU, CLASS, CLASS_MASK, JMP, MODE, OPERATION_MASK, SOURCE_X } from "./bpf_opcodes.js";
import type { BpfInstruction } from "./bpf_program.js";
import { AUDIT_ARCH_X86_64 } from "./emulator.js";

const ALLOW = encodeAction({ kind: "allow" });
const ARCH_OFFSET = 4;

/**
 * Whether the kernel (5.11 and later) finds out when it loads the filter that the call is allowed whatever its arguments, and from
 * then on skips the filter for it: seccomp_is_const_allow() of kernel/seccomp.c, for x86-64. It follows the path of the number and
 * gives up at anything but loads of number and arch, constant AND, jumps that compare with a constant, and returns of a constant.
 * Numbers with the x32 bit are never in that bitmap.
 */
export function isConstantAllow(program: readonly BpfInstruction[], number: number): boolean {
  let a = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, operand, jumpTrue, jumpFalse } = program[pc] as BpfInstruction;
    switch (code) {
      case CLASS.ld | MODE.abs:
        if (operand > ARCH_OFFSET) return false;
        a = operand === ARCH_OFFSET ? AUDIT_ARCH_X86_64 : number;
        break;
      case CLASS.ret:
        return operand === ALLOW;
      case CLASS.jmp | JMP.ja:
        pc += operand;
        break;
      case CLASS.alu | ALU.and:
        a = (a & operand) >>> 0;
        break;
      default:
        if ((code & CLASS_MASK) !== CLASS.jmp || (code & SOURCE_X) !== 0) return false;
        pc += jumps(code, a, operand) ? jumpTrue : jumpFalse;
    }
  }
  return false;
}

function jumps(code: number, a: number, operand: number): boolean {
  switch (code & OPERATION_MASK) {
    case JMP.jeq:
      return a === operand;
    case JMP.jge:
      return a >= operand;
    case JMP.jgt:
      return a > operand;
    default:
      return (a & operand) !== 0;
  }
}
