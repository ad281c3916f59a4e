import type { Check, Observation, Undecided } from "../check.js";
import { unreadThreads } from "../judge_reading.js";

export const processThreadApart: Check<"process"> = {
  id: "process-thread-apart",
  on: "process",
  title: "A thread has what its process does not show",
  severity: "high",
  rationale:
    "/proc/PID shows the fds, namespaces, cgroup and ids of the first thread. The kernel keeps them for each thread, so that one with a uid, a label or an fd table of its own can hold privileges that nobody who reads the process sees.",
  remedy: "Look at /proc/PID/task/TID of the thread that is named, and restart the program without it.",
  source: "clone(2), unshare(2), kcmp(2); nptl(7) on ids of threads",
  needs: ["proc"],
  judge: (facts) => {
    const { list } = facts.process.threads;
    const first = list.find(({ tid }) => tid === facts.process.pid) ?? list[0];
    const answers = list.flatMap((thread): (Observation | Undecided)[] => {
      const subject = `${facts.subject}, thread ${thread.tid} (${thread.name})`;
      if (!thread.apart.known) return [{ subject, unknown: thread.apart.why }];
      const own = [...thread.apart.value.map((part) => `${part} of its own`)];
      if (first !== undefined && thread.uids.join() !== first.uids.join()) own.push(`uids ${thread.uids.join(" ")}`);
      if (first !== undefined && thread.capabilities.permitted !== first.capabilities.permitted)
        own.push(`permitted capabilities ${thread.capabilities.permitted}`);
      return own.length === 0 ? [] : [{ subject, evidence: own.join(", ") }];
    });
    return [...answers, ...unreadThreads(facts)];
  },
};
