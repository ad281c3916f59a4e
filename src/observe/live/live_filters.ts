import { createHash } from "node:crypto";
import { getSystemErrorName } from "node:util";
import { addon } from "../../kernel/index.js";
import { attempt, known, type Reading, unknown } from "./reading.js";

/** One program that the kernel runs for a thread. */
export interface LiveFilter {
  readonly sha256: string;
  /** An array of struct sock_filter: include/uapi/linux/filter.h. */
  readonly bytes: Buffer;
}

export interface LiveThreadFilters {
  readonly tid: number;
  /** The oldest first. */
  readonly filters: readonly LiveFilter[];
}

/** Longest that a process stands still to be read, in ms; it takes some 0.2. A thread in vfork does not stop at all. */
const STOP_LIMIT_MS = 500;

export const NOT_ASKED = "no thread was to be stopped (--no-ptrace)";

/** Stops the threads of a process for a moment and reads their filters; `ptrace` false: reads none. */
export function observeLiveFilters(pid: number, ptrace: boolean): Reading<readonly LiveThreadFilters[]> {
  if (!ptrace) return unknown(NOT_ASKED);
  const read = attempt(() => addon.readSeccompFilters({ pid, deadlineMs: STOP_LIMIT_MS }));
  if (!read.known) return read;
  const refused = read.value.find(({ error }) => error !== 0);
  if (refused !== undefined) return unknown(`PTRACE_SECCOMP_GET_FILTER: ${getSystemErrorName(-refused.error)}`);
  return known(read.value.map(({ tid, filters }) => ({ tid, filters: filters.map(describe) })));
}

function describe(bytes: Buffer): LiveFilter {
  return { sha256: createHash("sha256").update(bytes).digest("hex"), bytes };
}
