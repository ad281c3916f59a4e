import { addon, type ExitStatus } from "../kernel/index.js";

/** How long whoever inherited a dead process may take to reap it, in ms: the kernel keeps its exit code to itself until then. */
const REAP_DEADLINE_MS = 500;
const REAP_POLL_MS = 5;

const UNKNOWN: ExitStatus = { exitCode: null, signal: null };

/**
 * How a process ended that was not our child, from its pidfd, which was open before it was reaped. Linux 6.15 and later tell
 * (PIDFD_GET_INFO); from older ones, and of a process that nobody reaps, the answer has neither code nor signal.
 */
export async function exitOfOther(pidfd: number): Promise<ExitStatus> {
  const deadline = Date.now() + REAP_DEADLINE_MS;
  for (;;) {
    try {
      const status = addon.exitStatus({ pidfd });
      if (status !== null) return status;
    } catch {
      return UNKNOWN; // ENOTTY, EINVAL or ESRCH: this kernel does not tell.
    }
    if (Date.now() > deadline) return UNKNOWN;
    await new Promise((resolve) => setTimeout(resolve, REAP_POLL_MS));
  }
}
