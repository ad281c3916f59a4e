import type { Check } from "../check.js";
import { nameSome, unreadThreads } from "../judge_reading.js";

export const processExtraGroups: Check<"process"> = {
  id: "process-extra-groups",
  on: "process",
  title: "The process keeps groups of whoever started it",
  severity: "low",
  rationale:
    "Groups open files and devices by their mode bits: disk opens every block device, kvm the virtualisation device, docker its socket. A process that changed its uid and kept its groups keeps what they open; gid 0 opens what root's group may.",
  remedy: "Clear them with its uid: setpriv --clear-groups, setgroups(0, NULL); and give it a gid of its own.",
  source: "setgroups(2); Gid and Groups of /proc/PID/task/TID/status, proc_pid_status(5)",
  needs: ["proc"],
  judge: (facts) => {
    const { list } = facts.process.threads;
    const groups = [...new Set(list.flatMap((thread) => thread.groups))].sort((a, b) => a - b);
    const rootGroup = list.some(({ gids }) => gids.includes(0));
    if (groups.length === 0 && !rootGroup) return unreadThreads(facts);
    const words = [
      ...(rootGroup ? ["its gid is 0"] : []),
      ...(groups.length > 0 ? [`supplementary groups ${nameSome(groups.map(String))}`] : []),
    ];
    return [
      { subject: facts.subject, evidence: words.join("; "), severity: rootGroup || groups.includes(0) ? "medium" : "low" },
      ...unreadThreads(facts),
    ];
  },
};
