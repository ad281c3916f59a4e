import { closeSync, fstatSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import type FfiModule from "ffi-napi";
import { KernelError, SeccompError } from "../errors/index.js";
import { findLibseccomp } from "./library_file.js";

/** One masked equality of a rule: (argument & mask) == value on all 64 bits. */
export interface MaskedArgument {
  readonly index: number;
  readonly mask: bigint;
  readonly value: bigint;
}

export interface LibseccompRule {
  readonly syscallNumber: number;
  /** SECCOMP_RET_* value. */
  readonly action: number;
  readonly args: readonly MaskedArgument[];
}

export interface LibseccompFilter {
  /** SECCOMP_RET_* value for calls that no rule matches. */
  readonly defaultAction: number;
  /** SECCOMP_RET_* value for calls of another arch, x32 included. */
  readonly foreignArchAction: number;
  readonly rules: readonly LibseccompRule[];
}

/** How a program looks syscalls up: one after the other, or by a binary tree of their numbers (libseccomp 2.5 and later). */
export type SyscallLookup = "chain" | "binary-tree";

/** SCMP_ARCH_X86_64 is the audit arch: include/uapi/linux/audit.h. */
const ARCH_X86_64 = 0xc000003e;
/** enum scmp_filter_attr and enum scmp_compare of seccomp.h. */
const ATTRIBUTE_BAD_ARCH_ACTION = 2;
/** SCMP_FLTATR_CTL_OPTIMIZE: 1 orders a chain by priority, 2 makes a binary tree. */
const ATTRIBUTE_OPTIMIZE = 8;
const OPTIMIZE_LEVELS = { chain: 1, "binary-tree": 2 } as const satisfies Record<SyscallLookup, number>;
const COMPARE_MASKED_EQUAL = 7;
/** sizeof(struct scmp_arg_cmp): unsigned arg, enum op, u64 datum_a (the mask), u64 datum_b (the value). */
const COMPARISON_BYTES = 24;
/** SCMP_ACT_KILL_THREAD and SCMP_ACT_KILL_PROCESS and the rest equal SECCOMP_RET_*. */
const EEXIST = 17;

interface Bindings {
  seccomp_init(defaultAction: number): Buffer & { isNull(): boolean };
  seccomp_release(context: Buffer): void;
  seccomp_attr_set(context: Buffer, attribute: number, value: number): number;
  seccomp_rule_add_exact_array(context: Buffer, action: number, syscall: number, count: number, args: Buffer): number;
  seccomp_export_bpf(context: Buffer, fd: number): number;
  seccomp_syscall_resolve_name_arch(arch: number, name: string): number;
  memfd_create(name: string, flags: number): number;
  errno(): number;
}

let bindings: Bindings | undefined;

/** Loading ffi-napi costs some 30 ms, so nobody pays for it who finds his filter in the cache. Main thread only. */
function bind(): Bindings {
  if (bindings !== undefined) return bindings;
  const { path } = findLibseccomp();
  try {
    const ffi = createRequire(import.meta.url)("ffi-napi") as typeof FfiModule;
    const library = ffi.Library(path, {
      seccomp_init: ["pointer", ["uint32"]],
      seccomp_release: ["void", ["pointer"]],
      seccomp_attr_set: ["int", ["pointer", "int", "uint32"]],
      // seccomp_rule_add is variadic, which FFI cannot call safely; "exact" refuses what it cannot express.
      seccomp_rule_add_exact_array: ["int", ["pointer", "uint32", "int", "uint", "pointer"]],
      seccomp_export_bpf: ["int", ["pointer", "int"]],
      seccomp_syscall_resolve_name_arch: ["int", ["uint32", "string"]],
    });
    const libc = ffi.Library(null, { memfd_create: ["int", ["string", "uint"]] });
    bindings = { ...library, ...libc, errno: () => ffi.errno() } as unknown as Bindings;
    return bindings;
  } catch (cause) {
    throw new KernelError({
      code: "libseccomp-unusable",
      tried: "Cannot call libseccomp",
      subject: path,
      answer: cause instanceof Error ? cause.message : String(cause),
      remedy: "Run: npm run setup",
      cause,
    });
  }
}

/** Number of an x86-64 syscall by libseccomp's own table; null for a name that it does not know. */
export function resolveSyscallNumber(name: string): number | null {
  const number = bind().seccomp_syscall_resolve_name_arch(ARCH_X86_64, name);
  // __NR_SCMP_ERROR is -1; other negative numbers stand for calls that exist on other arches only.
  return number < 0 ? null : number;
}

/**
 * Gives rules to libseccomp once, and `use` the means to have them as arrays of struct sock_filter for x86-64, by either lookup. A
 * program is libseccomp's word only: callers check it. Throws SeccompError "libseccomp-refused" with the rule and the negative errno
 * that libseccomp answered.
 */
export function compileFilter<Result>(
  filter: LibseccompFilter,
  use: (program: (lookup: SyscallLookup) => Buffer) => Result,
): Result {
  const library = bind();
  const context = library.seccomp_init(filter.defaultAction);
  if (context.isNull()) throw refused("seccomp_init", "default action", 0);
  const set = (attribute: number, name: string, value: number): void =>
    check("seccomp_attr_set", name, library.seccomp_attr_set(context, attribute, value));
  try {
    set(ATTRIBUTE_BAD_ARCH_ACTION, "SCMP_FLTATR_ACT_BADARCH", filter.foreignArchAction);
    for (const rule of filter.rules) addRule(library, context, rule);
    return use((lookup) => {
      set(ATTRIBUTE_OPTIMIZE, "SCMP_FLTATR_CTL_OPTIMIZE", OPTIMIZE_LEVELS[lookup]);
      return exportProgram(library, context);
    });
  } finally {
    library.seccomp_release(context);
  }
}

function addRule(library: Bindings, context: Buffer, rule: LibseccompRule): void {
  const args = Buffer.alloc(Math.max(1, rule.args.length) * COMPARISON_BYTES);
  rule.args.forEach((arg, position) => {
    const offset = position * COMPARISON_BYTES;
    args.writeUInt32LE(arg.index, offset);
    args.writeUInt32LE(COMPARE_MASKED_EQUAL, offset + 4);
    args.writeBigUInt64LE(arg.mask, offset + 8);
    args.writeBigUInt64LE(arg.value, offset + 16);
  });
  const answer = library.seccomp_rule_add_exact_array(context, rule.action, rule.syscallNumber, rule.args.length, args);
  // A rule that an earlier one covers is no failure; whether it is really covered is checked on the finished program.
  if (answer !== -EEXIST) check("seccomp_rule_add_exact_array", `syscall ${rule.syscallNumber}`, answer);
}

/** libseccomp before 2.6 exports to an fd only; a memfd has no name that anybody else could open. */
function exportProgram(library: Bindings, context: Buffer): Buffer {
  const fd = library.memfd_create("seccomp-filter", 0);
  if (fd < 0) {
    const errno = library.errno();
    throw new KernelError({
      code: "memfd-failed",
      tried: "Cannot export a filter",
      subject: "memfd",
      answer: `memfd_create: errno ${errno}`,
    });
  }
  try {
    check("seccomp_export_bpf", "filter", library.seccomp_export_bpf(context, fd));
    const program = Buffer.alloc(fstatSync(fd).size);
    const count = readSync(fd, program, 0, program.length, 0);
    return program.subarray(0, count);
  } finally {
    closeSync(fd);
  }
}

function check(call: string, subject: string, answer: number): void {
  if (answer < 0) throw refused(call, subject, answer);
}

function refused(call: string, subject: string, answer: number): SeccompError {
  return new SeccompError({
    code: "libseccomp-refused",
    tried: `Cannot compile the filter: ${call} for ${subject}`,
    subject,
    answer: answer === 0 ? "it returned no context" : `it answered ${answer} (negative errno)`,
    remedy: "See seccomp_rule_add(3) for the number; the policy asks for what this libseccomp cannot express.",
  });
}
