import type { Check } from "../check.js";
import { nameSome, unreadThreads } from "../judge_reading.js";

/** SECCOMP_MODE_DISABLED: include/uapi/linux/seccomp.h. */
const DISABLED = 0;

export const processNoFilter: Check<"process"> = {
  id: "process-no-filter",
  on: "process",
  title: "A thread may make every system call",
  severity: "high",
  rationale:
    "A thread without a seccomp filter reaches all of the kernel's entry points. One such thread is enough: all threads share memory, so who owns another makes this one call what it likes.",
  remedy: "Install a filter before exec, or from one thread for all with SECCOMP_FILTER_FLAG_TSYNC; for QEMU: -sandbox on.",
  source: "seccomp(2); Seccomp of /proc/PID/task/TID/status, proc_pid_status(5)",
  needs: ["proc"],
  judge: (facts) => {
    const { list } = facts.process.threads;
    const free = list.filter(({ seccompMode }) => seccompMode === DISABLED);
    if (free.length === 0) return unreadThreads(facts);
    const tids = nameSome(free.map(({ tid, name }) => `${tid} (${name})`));
    return [
      { subject: facts.subject, evidence: `Seccomp is 0 in ${free.length} of ${list.length} threads: ${tids}` },
      ...unreadThreads(facts),
    ];
  },
};
