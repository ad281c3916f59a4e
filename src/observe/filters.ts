import { createHash } from "node:crypto";
import { getSystemErrorName } from "node:util";
import { KernelError } from "../errors/index.js";
import { addon, answerOf, isSystemError } from "../kernel/index.js";
import { isGone } from "./process_directory.js";

/** The programs that the kernel runs for each thread, as SHA-256 of their instructions, the oldest first. */
export type LoadedFilters =
  | { readonly readable: true; readonly threads: readonly { readonly tid: number; readonly sha256: readonly string[] }[] }
  /** This host shows no filters to us; `why` is the kernel's answer. */
  | { readonly readable: false; readonly why: string };

/** Longest that a process stands still to be read, in ms; it takes some 0.2. */
const STOP_DEADLINE_MS = 1000;

/** Why a host shows no filters: the caller has one itself, or the kernel lacks CONFIG_CHECKPOINT_RESTORE. */
const HOST_CANNOT: ReadonlySet<string> = new Set(["EACCES", "EINVAL"]);

/** Reads the filters of all threads of a process; null when it is gone. Throws KernelError "filters-unread". */
export function observeFilters(pid: number): LoadedFilters | null {
  try {
    const threads = addon.readSeccompFilters({ pid, deadlineMs: STOP_DEADLINE_MS });
    const failed = threads.find(({ error }) => error !== 0);
    if (failed !== undefined) return judgeRefusal(pid, getSystemErrorName(-failed.error));
    return { readable: true, threads: threads.map(({ tid, filters }) => ({ tid, sha256: filters.map(hashOf) })) };
  } catch (error) {
    if (isGone(error)) return null;
    if (!isSystemError(error)) throw error;
    throw unread(pid, answerOf(error));
  }
}

function judgeRefusal(pid: number, code: string): LoadedFilters {
  if (HOST_CANNOT.has(code)) return { readable: false, why: `PTRACE_SECCOMP_GET_FILTER: ${code}` };
  throw unread(pid, `PTRACE_SECCOMP_GET_FILTER: ${code}`);
}

function hashOf(filter: Buffer): string {
  return createHash("sha256").update(filter).digest("hex");
}

function unread(pid: number, answer: string): KernelError {
  return new KernelError({
    code: "filters-unread",
    tried: `Cannot read the filters of process ${pid}`,
    subject: String(pid),
    answer,
    remedy: "Detach any debugger from it, and try again.",
  });
}
