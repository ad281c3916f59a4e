import { closeSync, constants, fstatSync, openSync, readSync, writeFileSync } from "node:fs";
import { SeccompInputError } from "../../errors/index.js";
import { type BpfProgram, findProgramFault, readProgram } from "../../seccomp/index.js";

/** Largest file that is read unless it is told otherwise, in bytes: a program has 32 KiB, the longest policies some 100 KiB. */
const INPUT_BYTES_MAX = 4 * 1024 * 1024;
const STANDARD_INPUT = 0;
/** How messages call `-`. */
export const STANDARD_INPUT_NAME = "standard input";

export interface Input {
  /** For messages. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Reads a file of at most `bytesMax` (default 4 MiB), or standard input for `-`. Throws SeccompInputError "input-unreadable". */
export function readInput(path: string, bytesMax = INPUT_BYTES_MAX): Input {
  const name = path === "-" ? STANDARD_INPUT_NAME : path;
  let fd: number | undefined;
  try {
    // Non-blocking for the open alone: a FIFO without a writer would otherwise wait for ever.
    fd = path === "-" ? STANDARD_INPUT : openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (path !== "-" && !fstatSync(fd).isFile()) throw new Error("not a regular file; pipe it into -");
    return { name, bytes: readBounded(fd, bytesMax) };
  } catch (cause) {
    throw new SeccompInputError({
      code: "input-unreadable",
      tried: `Cannot read ${name}`,
      subject: name,
      answer: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  } finally {
    if (fd !== undefined && fd !== STANDARD_INPUT) closeSync(fd);
  }
}

function readBounded(fd: number, bytesMax: number): Buffer {
  const bytes = Buffer.alloc(bytesMax + 1);
  let length = 0;
  while (length < bytes.length) {
    const count = readSync(fd, bytes, length, bytes.length - length, null);
    if (count === 0) return bytes.subarray(0, length);
    length += count;
  }
  throw new Error(`more than ${bytesMax} bytes`);
}

/** A program that the kernel would load. Throws SeccompInputError "bpf-malformed" or "program-refused". */
export function readLoadableProgram(path: string): BpfProgram {
  return requireLoadable(readInput(path));
}

export function requireLoadable({ name, bytes }: Input): BpfProgram {
  const program = readProgram(bytes);
  const fault = findProgramFault(program.instructions);
  if (fault === null) return program;
  throw new SeccompInputError({
    code: "program-refused",
    tried: `${name} is no seccomp filter`,
    subject: name,
    answer: fault,
    remedy: "The kernel would answer EINVAL. `bulkhead seccomp disasm` shows the program.",
  });
}

/** Writes what a command made: to a file, or to standard output for `-`. Throws SeccompInputError "output-unwritable". */
export function writeOutput(path: string, content: Buffer | string): void {
  if (path === "-") {
    process.stdout.write(content);
    return;
  }
  try {
    writeFileSync(path, content);
  } catch (cause) {
    throw new SeccompInputError({
      code: "output-unwritable",
      tried: `Cannot write ${path}`,
      subject: path,
      answer: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
