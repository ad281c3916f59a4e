import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { HostError } from "../errors/index.js";

const run = promisify(execFile);

/** The program interpreter of x86-64 ELF files: System V ABI, AMD64 supplement, as glibc installs it. */
export const INTERPRETER = "/lib64/ld-linux-x86-64.so.2";

/** For every program that is run to be looked at: LD_LIBRARY_PATH of the caller must not choose what a confined process will load. */
export const TRUSTED_ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** `	libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f...)`, or without the arrow for what is named by path. */
const LISTED = /^\s*(?:.+ => )?(\/.+) \(0x[0-9a-f]+\)$/;
/** What stands for no file: the kernel's own object, and a program without an interpreter. */
const NO_FILE = /^\s*(?:linux-vdso\.so\.1 \(0x[0-9a-f]+\)|statically linked)$/;

/**
 * The shared libraries that `files` load, by the dynamic loader's own answer: paths inside `sysroot`, the interpreter
 * included, sorted. Runs the loader of the sysroot, never the programs. Throws HostError "library-missing".
 */
export async function listLibraries(sysroot: string, files: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(files.map((file) => listOne(sysroot, file)));
  return [...new Set([INTERPRETER, ...lists.flat()])].sort();
}

async function listOne(sysroot: string, file: string): Promise<string[]> {
  const loader = [INTERPRETER, "--list", file];
  const [command, ...args] = sysroot === "/" ? loader : ["chroot", sysroot, ...loader];
  let output: string;
  try {
    output = (await run(command as string, args, { env: TRUSTED_ENVIRONMENT })).stdout;
  } catch (cause) {
    throw unresolved(file, (cause as { stderr?: string }).stderr?.trim() ?? String(cause), cause);
  }
  const lines = output.split("\n").filter((line) => line !== "" && !NO_FILE.test(line));
  return lines.map((line) => {
    const library = LISTED.exec(line)?.[1];
    // A line that is not understood may name a library, and a root without it would be found wanting only at a launch.
    if (library === undefined) throw unresolved(file, line.trim());
    return library;
  });
}

function unresolved(file: string, answer: string, cause?: unknown): HostError {
  return new HostError({
    code: "library-missing",
    tried: `Cannot list the shared libraries of ${file}`,
    subject: file,
    answer,
    remedy: "Reinstall the package that owns it.",
    cause,
  });
}
