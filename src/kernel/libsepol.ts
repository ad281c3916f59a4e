import { closeSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import type FfiModule from "ffi-napi";
import { KernelError, SelinuxError, SelinuxInputError } from "../errors/index.js";
import { answerOf } from "./addon.js";
import { findLibrary } from "./library_file.js";

/** What refused a permission: SEPOL_COMPUTEAV_*, sepol/policydb/services.h. */
const REASONS = { typeRule: 0x1, constraint: 0x2, role: 0x4, bounds: 0x8 } as const;
export type RefusedBy = keyof typeof REASONS;

/** The decision of a policy for one source, one target and one class. */
export interface PolicyDecision {
  /** Of the permissions asked for, those that are allowed. */
  readonly allowed: readonly string[];
  readonly denied: readonly string[];
  /** What refused; a permission may be refused by several. Empty when all are allowed. */
  readonly refusedBy: readonly RefusedBy[];
  /** The constraints that refused, in libsepol's words; empty without one. */
  readonly constraints: string;
}

export interface PolicyQuestion {
  readonly source: string;
  readonly target: string;
  readonly objectClass: string;
  readonly permissions: readonly string[];
}

/** Pointers that the library returns are passed on as numbers: x86-64 passes both alike. */
interface Bindings {
  sepol_debug(on: number): void;
  sepol_policy_kern_vers_max(): number;
  sepol_set_policydb_from_file(file: Buffer): number;
  sepol_context_to_sid(context: string, bytes: number, sid: Buffer): number;
  sepol_string_to_security_class(name: string, objectClass: Buffer): number;
  sepol_string_to_av_perm(objectClass: number, name: string, bit: Buffer): number;
  sepol_compute_av_reason_buffer(
    source: number,
    target: number,
    objectClass: number,
    requested: number,
    decision: Buffer,
    reason: Buffer,
    text: Buffer,
    flags: number,
  ): number;
  fopen(path: string, mode: string): Buffer & { isNull(): boolean };
  fclose(file: Buffer): number;
  strncpy(into: Buffer, from: string, bytes: number): Buffer;
  free(address: string): void;
}

/** struct sepol_av_decision: five 32-bit numbers, the first is `allowed`. */
const DECISION_BYTES = 20;
/** Longest text of constraints that is shown; MCS policies have some twenty for a class. */
const TEXT_BYTES = 65_536;
const POINTER_BYTES = 8;

let bindings: Bindings | undefined;

function bind(): Bindings {
  if (bindings !== undefined) return bindings;
  const path = findLibrary({ soname: "libsepol.so.2", code: "libsepol-missing", debianPackage: "libsepol2" });
  try {
    const ffi = createRequire(import.meta.url)("ffi-napi") as typeof FfiModule;
    const library = ffi.Library(path, {
      sepol_debug: ["void", ["int"]],
      sepol_policy_kern_vers_max: ["int", []],
      sepol_set_policydb_from_file: ["int", ["pointer"]],
      sepol_context_to_sid: ["int", ["string", "size_t", "pointer"]],
      sepol_string_to_security_class: ["int", ["string", "pointer"]],
      sepol_string_to_av_perm: ["int", ["uint16", "string", "pointer"]],
      sepol_compute_av_reason_buffer: ["int", ["uint32", "uint32", "uint16", "uint32", "pointer", "pointer", "pointer", "uint"]],
    });
    const libc = ffi.Library(null, {
      fopen: ["pointer", ["string", "string"]],
      fclose: ["int", ["pointer"]],
      strncpy: ["pointer", ["pointer", "uint64", "size_t"]],
      free: ["void", ["uint64"]],
    });
    bindings = { ...library, ...libc } as unknown as Bindings;
    // Its complaints go to standard error otherwise; what it answers says as much.
    bindings.sepol_debug(0);
    return bindings;
  } catch (cause) {
    throw new KernelError({
      code: "libsepol-unusable",
      tried: "Cannot call libsepol",
      subject: path,
      answer: `${cause instanceof Error ? cause.message : String(cause)}; decisions need libsepol 3.4`,
      remedy: "Run: npm run setup",
      cause,
    });
  }
}

/**
 * A compiled policy, asked through libsepol. One at a time in a process: loading another ends this one. Main thread only.
 * It knows no extended (ioctl) permissions, no permissive domains and no type transitions.
 */
export class CompiledPolicy {
  readonly #library = bind();
  readonly path: string;
  static #loaded: CompiledPolicy | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  /** Throws SelinuxInputError "policy-unreadable", SelinuxError "policy-too-new". */
  static load(path: string): CompiledPolicy {
    const policy = new CompiledPolicy(path);
    requireVersion(path, policy.#library.sepol_policy_kern_vers_max());
    const file = policy.#library.fopen(path, "re");
    if (file.isNull()) throw unreadable(path, "it cannot be opened");
    try {
      if (policy.#library.sepol_set_policydb_from_file(file) !== 0) throw unreadable(path, "libsepol cannot read it");
    } finally {
      policy.#library.fclose(file);
    }
    CompiledPolicy.#loaded = policy;
    return policy;
  }

  /** Throws SelinuxInputError "context-unknown", "class-unknown", "permission-unknown". */
  decide(question: PolicyQuestion): PolicyDecision {
    if (CompiledPolicy.#loaded !== this) throw new Error("another policy has been loaded since");
    const [source, target] = [this.#sidOf(question.source), this.#sidOf(question.target)];
    const objectClass = this.#classOf(question.objectClass);
    const bits = question.permissions.map((name) => [name, this.#bitOf(objectClass, question.objectClass, name)] as const);
    const requested = bits.reduce((sum, [, bit]) => (sum | bit) >>> 0, 0);
    const [decision, reason, address] = [Buffer.alloc(DECISION_BYTES), Buffer.alloc(4), Buffer.alloc(POINTER_BYTES)];
    const library = this.#library;
    const result = library.sepol_compute_av_reason_buffer(
      ...([source, target, objectClass, requested, decision, reason, address, 0] as const),
    );
    if (result !== 0) throw new Error(`sepol_compute_av_reason_buffer answered ${result}`);
    const allowed = decision.readUInt32LE();
    const flags = reason.readUInt32LE();
    return {
      allowed: bits.filter(([, bit]) => (allowed & bit) !== 0).map(([name]) => name),
      denied: bits.filter(([, bit]) => (allowed & bit) === 0).map(([name]) => name),
      refusedBy: (Object.keys(REASONS) as RefusedBy[]).filter((name) => (flags & REASONS[name]) !== 0),
      constraints: this.#takeText(address),
    };
  }

  /** Whether the policy knows this context. */
  knows(context: string): boolean {
    return this.#library.sepol_context_to_sid(context, Buffer.byteLength(context) + 1, Buffer.alloc(4)) === 0;
  }

  #sidOf(context: string): number {
    const out = Buffer.alloc(4);
    const result = this.#library.sepol_context_to_sid(context, Buffer.byteLength(context) + 1, out);
    if (result !== 0) throw unknown("context", context, this.path);
    return out.readUInt32LE();
  }

  #classOf(name: string): number {
    const out = Buffer.alloc(2);
    if (this.#library.sepol_string_to_security_class(name, out) !== 0) throw unknown("class", name, this.path);
    return out.readUInt16LE();
  }

  #bitOf(objectClass: number, className: string, name: string): number {
    const out = Buffer.alloc(4);
    const result = this.#library.sepol_string_to_av_perm(objectClass, name, out);
    if (result !== 0) throw unknown("permission", `${className} ${name}`, this.path);
    return out.readUInt32LE();
  }

  #takeText(out: Buffer): string {
    const address = out.readBigUInt64LE();
    if (address === 0n) return "";
    const text = Buffer.alloc(TEXT_BYTES);
    this.#library.strncpy(text, address.toString(), TEXT_BYTES - 1);
    this.#library.free(address.toString());
    return text.toString("utf8", 0, text.indexOf(0)).trim();
  }
}

/** A kernel policy begins with this number, the length of a name, that name, its version: policydb_read(), libsepol/src/policydb.c. */
const POLICY_MAGIC = 0xf97cff8c;
const POLICY_NAME = "SE Linux";
const HEADER_BYTES = 8 + POLICY_NAME.length + 4;

/** Before libsepol reads it: its own complaint would say less. */
function requireVersion(path: string, versionMax: number): void {
  const header = Buffer.alloc(HEADER_BYTES);
  try {
    const fd = openSync(path, "r");
    try {
      readSync(fd, header);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw unreadable(path, answerOf(cause), cause);
  }
  const isPolicy = header.readUInt32LE() === POLICY_MAGIC && header.toString("latin1", 8, 8 + POLICY_NAME.length) === POLICY_NAME;
  if (!isPolicy) throw unreadable(path, "it is no compiled kernel policy");
  const version = header.readUInt32LE(8 + POLICY_NAME.length);
  if (version <= versionMax) return;
  throw new SelinuxError({
    code: "policy-too-new",
    tried: `Cannot read the policy ${path}`,
    subject: path,
    answer: `it has version ${version}, and this host's libsepol reads up to ${versionMax}`,
    remedy: `Ask on a newer host, or compile the policy with version ${versionMax} (secilc -c ${versionMax}).`,
  });
}

function unreadable(path: string, answer: string, cause?: unknown): SelinuxInputError {
  return new SelinuxInputError({
    code: "policy-unreadable",
    tried: `Cannot read the policy ${path}`,
    subject: path,
    answer,
    remedy: "Name a compiled policy, such as /etc/selinux/default/policy/policy.33 or /sys/fs/selinux/policy.",
    cause,
  });
}

function unknown(what: "context" | "class" | "permission", name: string, path: string): SelinuxInputError {
  return new SelinuxInputError({
    code: `${what}-unknown`,
    tried: `Cannot ask the policy ${path} about the ${what} ${JSON.stringify(name)}`,
    subject: name,
    answer: "the policy does not know it",
    remedy:
      what === "context"
        ? "Write it as USER:ROLE:TYPE:s0:CATEGORIES, with names of that policy."
        : "`seinfo -c -x` lists them all.",
  });
}
