import type { BpfInstruction } from "../../../src/seccomp/index.js";

/** Opcodes of include/uapi/linux/bpf_common.h. */
const RETURN = 0x06;
const RETURN_A = 0x16;
const LOAD_CONSTANT = 0x00;
const JUMP = 0x05;
const CONDITIONAL_JUMPS = new Set([0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d]);
const SHIFT_RIGHT = 0x74;
const AND = 0x54;
const OR = 0x44;
const TRAP = 0x30000;

const of = (code: number, operand = 0): BpfInstruction => ({ code, operand, jumpTrue: 0, jumpFalse: 0 });

/**
 * The same program with another end: what it would return comes as the data of a TRAP answer, 16 bits of it, the high ones or the
 * low ones, so that a process can tell them and lives on. Each `ret` becomes two instructions that go to the common end.
 */
export function trappingProgram(program: readonly BpfInstruction[], half: "high" | "low"): BpfInstruction[] {
  const places: number[] = [];
  let length = 0;
  for (const { code } of program) {
    places.push(length);
    length += code === RETURN || code === RETURN_A ? 2 : 1;
  }
  const moved = (index: number, distance: number): number =>
    (places[index + 1 + distance] as number) - (places[index] as number) - 1;
  const body = program.flatMap((one, index): BpfInstruction[] => {
    const toEnd = (from: number): BpfInstruction => of(JUMP, length - from - 1);
    const place = places[index] as number;
    if (one.code === RETURN) return [of(LOAD_CONSTANT, one.operand), toEnd(place + 1)];
    // Adding 0 keeps A and makes both forms equally long.
    if (one.code === RETURN_A) return [of(0x04, 0), toEnd(place + 1)];
    if (one.code === JUMP) return [{ ...one, operand: moved(index, one.operand) }];
    if (!CONDITIONAL_JUMPS.has(one.code)) return [one];
    return [{ ...one, jumpTrue: moved(index, one.jumpTrue), jumpFalse: moved(index, one.jumpFalse) }];
  });
  return [...body, of(SHIFT_RIGHT, half === "high" ? 16 : 0), of(AND, 0xffff), of(OR, TRAP), of(RETURN_A)];
}
