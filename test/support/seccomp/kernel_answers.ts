import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BpfInstruction, INSTRUCTION_BYTES, type SyscallData, writeProgram } from "../../../src/seccomp/index.js";
import type { CompiledVictim } from "../victim/compile_victim.js";

/** A call to make: by `syscall`, or as i386 does by int 0x80. */
export interface PlannedCall {
  readonly number: number;
  readonly entry: "syscall" | "int80";
  readonly args: readonly bigint[];
}

export interface Question {
  /** Must answer TRAP with its data, or divide by zero. */
  readonly program: readonly BpfInstruction[];
  readonly calls: readonly PlannedCall[];
}

/** What the kernel did: `data` of the TRAP answer, or null where it killed. `call` as the filter saw it. */
export interface KernelAnswer {
  readonly data: number | null;
  readonly call: SyscallData;
}

export interface QuestionAnswer {
  /** errno of loading the program; 0: it was loaded. */
  readonly loadError: number;
  readonly answers: readonly KernelAnswer[];
}

const OUTCOME = { trapped: 1, killed: 2 } as const;
const CALL_BYTES = 56;
const ANSWER_BYTES = 24;

/** Asks the kernel all questions, in children of test/support/victim/bpf_answers.c. Throws when a call came back. */
export function askKernel(victim: CompiledVictim, questions: readonly Question[]): QuestionAnswer[] {
  const [asked, told] = [join(victim.folder, "questions"), join(victim.folder, "answers")];
  writeFileSync(asked, Buffer.concat(questions.map(encodeQuestion)));
  execFileSync(victim.path, [asked, told]);
  const bytes = readFileSync(told);
  let offset = 0;
  return questions.map(({ calls }) => {
    const loadError = bytes.readUInt32LE(offset);
    const first = offset + 4;
    offset = first + ANSWER_BYTES * calls.length;
    const answers = calls.map((call, index) => decodeAnswer(bytes.subarray(first + ANSWER_BYTES * index), call));
    return { loadError, answers: loadError === 0 ? answers.map((decode) => decode()) : [] };
  });
}

function encodeQuestion({ program, calls }: Question): Buffer {
  const counts = Buffer.alloc(8);
  counts.writeUInt32LE(program.length, 0);
  counts.writeUInt32LE(calls.length, 4);
  const instructions = program.length === 0 ? Buffer.alloc(0) : writeProgram(program).bytes;
  if (instructions.length !== program.length * INSTRUCTION_BYTES) throw new Error("a program of another size");
  return Buffer.concat([counts, instructions, ...calls.map(encodeCall)]);
}

function encodeCall({ number, entry, args }: PlannedCall): Buffer {
  const bytes = Buffer.alloc(CALL_BYTES);
  bytes.writeUInt32LE(number, 0);
  bytes.writeUInt32LE(entry === "syscall" ? 0 : 1, 4);
  for (let index = 0; index < 6; index += 1) bytes.writeBigUInt64LE(args[index] ?? 0n, 8 + 8 * index);
  return bytes;
}

/**
 * Of a call that was killed nobody tells arch and address: they are left 0. An i386 call from 64-bit code shows the filter all 64
 * bits of its registers, although the call itself gets 32: syscall_get_arguments() of arch/x86/include/asm/syscall.h.
 */
function decodeAnswer(bytes: Buffer, planned: PlannedCall): () => KernelAnswer {
  const outcome = bytes.readUInt32LE(0);
  const call = {
    number: planned.number,
    arch: bytes.readUInt32LE(8),
    instructionPointer: bytes.readBigUInt64LE(16),
    args: planned.args,
  };
  return () => {
    if (outcome === OUTCOME.trapped) return { data: bytes.readUInt32LE(4), call };
    if (outcome === OUTCOME.killed) return { data: null, call };
    throw new Error(`the kernel let call ${planned.number} by ${planned.entry} return`);
  };
}
