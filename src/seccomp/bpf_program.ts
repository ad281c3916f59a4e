import { createHash } from "node:crypto";
import { SeccompInputError } from "../errors/index.js";

/** One instruction of classic BPF: struct sock_filter of include/uapi/linux/filter.h. */
export interface BpfInstruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  /** The K operand, unsigned 32 bits. */
  readonly operand: number;
}

/** A filter as the kernel takes it: an array of struct sock_filter in host byte order. */
export interface BpfProgram {
  readonly bytes: Buffer;
  /** SHA-256 of `bytes`, hex. */
  readonly sha256: string;
  readonly instructions: readonly BpfInstruction[];
}

/** sizeof(struct sock_filter). */
export const INSTRUCTION_BYTES = 8;

/** Decodes the kernel's array form. Throws SeccompInputError "bpf-malformed" when the length is no multiple of 8 bytes or zero. */
export function readProgram(bytes: Buffer): BpfProgram {
  if (bytes.length === 0 || bytes.length % INSTRUCTION_BYTES !== 0) {
    throw new SeccompInputError({
      code: "bpf-malformed",
      tried: "Cannot read a BPF program",
      subject: "BPF program",
      answer: `${bytes.length} bytes are no array of ${INSTRUCTION_BYTES}-byte instructions`,
      remedy: "Give the raw array of struct sock_filter.",
    });
  }
  const instructions: BpfInstruction[] = [];
  for (let offset = 0; offset < bytes.length; offset += INSTRUCTION_BYTES) {
    instructions.push({
      code: bytes.readUInt16LE(offset),
      jumpTrue: bytes.readUInt8(offset + 2),
      jumpFalse: bytes.readUInt8(offset + 3),
      operand: bytes.readUInt32LE(offset + 4),
    });
  }
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex"), instructions };
}

/** Encodes instructions into the kernel's array form. */
export function writeProgram(instructions: readonly BpfInstruction[]): BpfProgram {
  const bytes = Buffer.alloc(instructions.length * INSTRUCTION_BYTES);
  instructions.forEach((instruction, index) => {
    const offset = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(instruction.code, offset);
    bytes.writeUInt8(instruction.jumpTrue, offset + 2);
    bytes.writeUInt8(instruction.jumpFalse, offset + 3);
    bytes.writeUInt32LE(instruction.operand, offset + 4);
  });
  return readProgram(bytes);
}
