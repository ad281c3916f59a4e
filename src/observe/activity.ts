import { readdirSync, readFileSync } from "node:fs";

/** What a process does with its time, over all of its threads. */
export interface ObservedActivity {
  /** A thread runs or waits for a CPU. */
  readonly runnable: boolean;
  /** CPU time used so far, in ns; null where the kernel keeps no scheduler statistics (CONFIG_SCHED_INFO). */
  readonly cpuNs: number | null;
  /** State of each thread by its letter, in the order of thread ids: proc_pid_stat(5). */
  readonly states: string;
}

/** Null when the process has ended. Open to every user, and so to a launcher without capabilities. */
export function observeActivity(pid: number): ObservedActivity | null {
  try {
    const tids = readdirSync(`/proc/${pid}/task`);
    const states = tids.map((tid) => stateOf(readFileSync(`/proc/${pid}/task/${tid}/stat`, "latin1"))).join("");
    return { runnable: states.includes("R"), cpuNs: sumCpuNs(pid, tids), states };
  } catch {
    return null; // A thread or the process ended while it was read; the next reading tells which.
  }
}

/** The letter behind the command name, which may itself hold spaces and brackets. */
function stateOf(stat: string): string {
  return stat.charAt(stat.lastIndexOf(")") + 2);
}

/** First field of schedstat: Documentation/scheduler/sched-stats.rst. */
function sumCpuNs(pid: number, tids: readonly string[]): number | null {
  try {
    return tids.reduce((sum, tid) => sum + Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "latin1").split(" ")[0]), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
