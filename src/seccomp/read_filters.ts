import { getSystemErrorName } from "node:util";
import { SeccompError } from "../errors/index.js";
import { addon, answerOf, isSystemError } from "../kernel/index.js";
import { type BpfProgram, readProgram } from "./bpf_program.js";

/** The filters that the kernel runs for one thread. */
export interface ThreadFilters {
  readonly tid: number;
  /** In the order in which they were installed; none for a thread without a filter. */
  readonly programs: readonly BpfProgram[];
}

/** Longest that the threads of a process stand still to be read, in ms. They stop within microseconds unless the host is stuck. */
const STOP_DEADLINE_MS = 1000;

/** What is commonly behind the kernel's refusal. */
const REMEDIES: Readonly<Record<string, string>> = {
  ESRCH: "The process has ended.",
  EPERM: "Run as root in the initial user namespace; no debugger may be attached to the process.",
  EACCES: "Run as root, outside of a container that filters system calls itself.",
  EINVAL: "The kernel needs CONFIG_CHECKPOINT_RESTORE.",
};

/**
 * Reads the filters of all threads of a process from the kernel (PTRACE_SECCOMP_GET_FILTER). All of its threads stand still
 * meanwhile, some 0.2 ms, and go on whatever happens here. Needs CAP_SYS_ADMIN and CAP_SYS_PTRACE, and a caller without filters.
 * Throws SeccompError "filters-unreadable".
 */
export function readFilters(pid: number): ThreadFilters[] {
  return stopAndRead(pid).map(({ tid, filters, error }) => {
    if (error !== 0) {
      const code = getSystemErrorName(-error);
      throw unreadable(pid, `thread ${tid}: PTRACE_SECCOMP_GET_FILTER: ${code}`, code);
    }
    return { tid, programs: filters.map(readProgram) };
  });
}

function stopAndRead(pid: number): ReturnType<typeof addon.readSeccompFilters> {
  try {
    return addon.readSeccompFilters({ pid, deadlineMs: STOP_DEADLINE_MS });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw unreadable(pid, answerOf(error), error.code);
  }
}

function unreadable(pid: number, answer: string, code: string): SeccompError {
  return new SeccompError({
    code: "filters-unreadable",
    tried: `Cannot read the filters of process ${pid}`,
    subject: String(pid),
    answer,
    ...(REMEDIES[code] === undefined ? {} : { remedy: REMEDIES[code] }),
  });
}
