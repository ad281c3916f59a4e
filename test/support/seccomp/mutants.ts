import { type BpfInstruction, type BpfProgram, findProgramFault, writeProgram } from "../../../src/seccomp/index.js";

/** Classes of include/uapi/linux/bpf_common.h. */
const CLASS_MASK = 0x07;
const JUMP = 0x05;

/** Every program that differs from this one in one instruction, in one of some small ways, and that the kernel accepts. */
export function* mutantsOf({ instructions }: BpfProgram): Generator<BpfProgram> {
  for (const [index, instruction] of instructions.entries()) {
    for (const mutated of mutations(instruction)) {
      const program = instructions.with(index, mutated);
      if (findProgramFault(program) === null) yield writeProgram(program);
    }
    if (instructions.length > 1 && findProgramFault(instructions.toSpliced(index, 1)) === null) {
      yield writeProgram(instructions.toSpliced(index, 1));
    }
  }
}

function mutations(instruction: BpfInstruction): BpfInstruction[] {
  const { code, operand, jumpTrue, jumpFalse } = instruction;
  const operands = [operand + 1, operand - 1, operand ^ 1, operand ^ 0x80000000, operand ^ 0x4, operand + 8, 0, 0x7fff0000];
  const mutated = operands.map((value) => ({ ...instruction, operand: value >>> 0 }));
  // Another register, another operation, another class.
  mutated.push(...[0x08, 0x10, 0x20, 0x60].map((bits) => ({ ...instruction, code: code ^ bits })));
  if ((code & CLASS_MASK) === JUMP) {
    mutated.push({ ...instruction, jumpTrue: jumpFalse, jumpFalse: jumpTrue });
    mutated.push({ ...instruction, jumpTrue: jumpTrue + 1 }, { ...instruction, jumpFalse: jumpFalse + 1 });
    if (jumpTrue > 0) mutated.push({ ...instruction, jumpTrue: jumpTrue - 1 });
    if (jumpFalse > 0) mutated.push({ ...instruction, jumpFalse: jumpFalse - 1 });
  }
  return mutated.filter((one) => JSON.stringify(one) !== JSON.stringify(instruction));
}
