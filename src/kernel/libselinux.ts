import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";
import type FfiModule from "ffi-napi";
import { KernelError } from "../errors/index.js";
import { addon, type SystemError } from "./addon.js";
import { findLibrary } from "./library_file.js";

/** A context has at most a page: security/selinux/ss/context.h has no limit, the attribute files have this one. */
const CONTEXT_BYTES = 4096;
/** Bytes of a pointer on x86-64. */
const POINTER_BYTES = 8;

/** Pointers that the library returns are passed on as numbers: x86-64 passes both alike. */
interface Bindings {
  setsockcreatecon_raw(context: string | null): number;
  fsetfilecon_raw(fd: number, context: string): number;
  lsetfilecon_raw(path: string, context: string): number;
  fgetfilecon_raw(fd: number, out: Buffer): number;
  freecon(context: string): void;
  strncpy(into: Buffer, from: string, bytes: number): Buffer;
  errno(): number;
}

let bindings: Bindings | undefined;

/** Loading ffi-napi costs some 30 ms, so nobody pays for it whose kernel has no SELinux. Main thread only. */
function bind(): Bindings {
  if (bindings !== undefined) return bindings;
  const path = findLibrary({ soname: "libselinux.so.1", code: "libselinux-missing", debianPackage: "libselinux1" });
  try {
    const ffi = createRequire(import.meta.url)("ffi-napi") as typeof FfiModule;
    const library = ffi.Library(path, {
      setsockcreatecon_raw: ["int", ["string"]],
      fsetfilecon_raw: ["int", ["int", "string"]],
      lsetfilecon_raw: ["int", ["string", "string"]],
      fgetfilecon_raw: ["int", ["int", "pointer"]],
      freecon: ["void", ["uint64"]],
    });
    const libc = ffi.Library(null, { strncpy: ["pointer", ["pointer", "uint64", "size_t"]] });
    bindings = { ...library, ...libc, errno: () => ffi.errno() } as unknown as Bindings;
    return bindings;
  } catch (cause) {
    throw new KernelError({
      code: "libselinux-unusable",
      tried: "Cannot call libselinux",
      subject: path,
      answer: cause instanceof Error ? cause.message : String(cause),
      remedy: "Run: npm run setup",
      cause,
    });
  }
}

/** libselinux sets errno like a system call: the answer is that of one, so that callers word it alike. */
function check(syscall: string, result: number, library: Bindings): void {
  if (result >= 0) return;
  const errno = library.errno();
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${syscall}: ${code}`), { code, errno: -errno, syscall }) satisfies SystemError;
}

/**
 * Runs `make`, which creates sockets, with the context that they are to have. One synchronous step: the setting holds for this
 * thread until it is taken back, and other code that makes a socket must not meet it. Throws SystemError.
 */
export function withSocketContext<Made>(context: string, make: () => Made): Made {
  const library = bind();
  check("setsockcreatecon", library.setsockcreatecon_raw(context), library);
  try {
    return make();
  } finally {
    check("setsockcreatecon", library.setsockcreatecon_raw(null), library);
  }
}

/** A file by its open fd, or by its path, which is not followed when it is a symbolic link. */
export type LabelledFile = number | string;

/** Gives a file a context. Throws SystemError: EOPNOTSUPP where the file system has no labels, EINVAL for a context that the policy does not know. */
export function setFileContext(file: LabelledFile, context: string): void {
  const library = bind();
  if (typeof file === "number") check("fsetfilecon", library.fsetfilecon_raw(file, context), library);
  else check("lsetfilecon", library.lsetfilecon_raw(file, context), library);
}

/**
 * The context of a file as the kernel has it; with `follow`, of what a symbolic link leads to. Throws SystemError: ENODATA for a
 * file without one.
 */
export function readFileContext(file: LabelledFile, links: "keep" | "follow" = "keep"): string {
  if (typeof file === "string") return addon.fileContext({ path: file, follow: links === "follow" });
  const library = bind();
  const out = Buffer.alloc(POINTER_BYTES);
  check("fgetfilecon", library.fgetfilecon_raw(file, out), library);
  const address = out.readBigUInt64LE().toString();
  const text = Buffer.alloc(CONTEXT_BYTES);
  library.strncpy(text, address, CONTEXT_BYTES - 1);
  library.freecon(address);
  return text.toString("utf8", 0, text.indexOf(0));
}
