import type { Check } from "../check.js";
import { nameSome, unreadThreads } from "../judge_reading.js";

export const processNoNewPrivs: Check<"process"> = {
  id: "process-no-new-privs",
  on: "process",
  title: "A thread may gain privileges by exec",
  severity: "medium",
  rationale:
    "Without no_new_privs a thread that can exec gains what a set-user-ID program or one with file capabilities has, and with it leaves its uid.",
  remedy: "Start it with no_new_privs: setpriv --no-new-privs COMMAND, or NoNewPrivileges=yes in its unit.",
  source: "Documentation/userspace-api/no_new_privs.rst; NoNewPrivs of /proc/PID/task/TID/status, proc_pid_status(5)",
  needs: ["proc"],
  judge: (facts) => {
    const { list } = facts.process.threads;
    const free = list.filter(({ noNewPrivs }) => !noNewPrivs);
    if (free.length === 0) return unreadThreads(facts);
    const tids = nameSome(free.map(({ tid }) => String(tid)));
    return [
      { subject: facts.subject, evidence: `NoNewPrivs is 0 in ${free.length} of ${list.length} threads: ${tids}` },
      ...unreadThreads(facts),
    ];
  },
};
