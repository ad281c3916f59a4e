import type { NamespaceKind } from "../../observe/index.js";
import type { Check } from "../check.js";
import { whenKnown } from "../judge_reading.js";

/** Through these a process reaches objects of others; the rest shows it names and numbers. */
const REACHING: ReadonlySet<NamespaceKind> = new Set(["user", "mount", "pid", "net", "ipc"]);

export const processSharedNamespaces: Check<"process"> = {
  id: "process-shared-namespaces",
  on: "process",
  title: "The process shares namespaces with the host",
  severity: "medium",
  rationale:
    "In the host's namespaces a process sees the host's objects: files by the mount namespace, processes that it can signal by the pid namespace, services on local addresses and abstract sockets by the network namespace.",
  remedy:
    "Start it in namespaces of its own: unshare --user --mount --pid --net --ipc --uts --cgroup COMMAND, or the Private*= settings of its unit.",
  source: "namespaces(7); links of /proc/PID/ns, proc_pid_ns(5)",
  needs: ["proc"],
  judge: (facts) =>
    whenKnown(facts.host.reference.namespaces, facts, (host) =>
      whenKnown(facts.process.namespaces, facts, (own) => {
        const kinds = (Object.keys(own) as NamespaceKind[]).filter((kind) => own[kind] === host[kind]);
        if (kinds.length === 0) return [];
        const shared = kinds.map((kind) => `${kind} (${own[kind]})`).join(", ");
        const severity = kinds.some((kind) => REACHING.has(kind)) ? ("medium" as const) : ("low" as const);
        return [{ subject: facts.subject, evidence: `with ${facts.host.reference.owner}: ${shared}`, severity }];
      }),
    ),
};
