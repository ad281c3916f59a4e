import type { Check } from "../check.js";
import { unreadThreads } from "../judge_reading.js";

export const processTraced: Check<"process"> = {
  id: "process-traced",
  on: "process",
  title: "Another process traces it",
  severity: "high",
  rationale:
    "A tracer reads and writes the memory and registers of what it traces and answers its system calls: it is that process, whatever confines it.",
  remedy: "Detach the debugger; if nobody knows of one, treat the process as taken over.",
  source: "TracerPid of /proc/PID/task/TID/status, proc_pid_status(5); ptrace(2)",
  needs: ["proc"],
  judge: (facts) => {
    const traced = facts.process.threads.list.filter(({ tracer }) => tracer !== 0);
    const tracers = [...new Set(traced.map(({ tracer }) => tracer))];
    if (tracers.length === 0) return unreadThreads(facts);
    return [
      { subject: facts.subject, evidence: `TracerPid of ${traced.length} threads: ${tracers.join(", ")}` },
      ...unreadThreads(facts),
    ];
  },
};
