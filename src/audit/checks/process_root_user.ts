import type { Check } from "../check.js";
import { unreadThreads } from "../judge_reading.js";

export const processRootUser: Check<"process"> = {
  id: "process-root-user",
  on: "process",
  title: "The process is uid 0 of the host",
  severity: "high",
  rationale:
    "uid 0 owns the host's files, processes and devices: even without a capability it writes what root may write, and an exec gives it root's capabilities back, unless no_new_privs and its bounding set prevent it.",
  remedy: "Start it with a uid of its own: setpriv --reuid UID --regid GID --clear-groups COMMAND, or User= in its unit.",
  source: "credentials(7); Uid of /proc/PID/task/TID/status in the auditor's user namespace, proc_pid_status(5)",
  needs: ["proc"],
  judge: (facts) => {
    const { list } = facts.process.threads;
    const root = list.filter(({ uids }) => uids.includes(0));
    if (root.length === 0) return unreadThreads(facts);
    const powerless = root.every(({ noNewPrivs, capabilities }) => noNewPrivs && /^0*$/.test(capabilities.permitted));
    const [first] = root;
    return [
      {
        subject: facts.subject,
        evidence: `real, effective, saved and file-system uid of thread ${first?.tid}: ${first?.uids.join(" ")}${powerless ? ", without capabilities and for good" : ""}`,
        severity: powerless ? "medium" : "high",
      },
      ...unreadThreads(facts),
    ];
  },
};
