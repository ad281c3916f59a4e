import type { Check, Observation } from "../check.js";
import type { FdEdge } from "../facts/fd_graph.js";

export const vmFdTopology: Check<"vm"> = {
  id: "vm-fd-topology",
  on: "vm",
  title: "Somebody holds what the declared topology does not give him",
  severity: "high",
  rationale:
    "A VM is cut into processes so that each reaches one backend and its own channel. A second holder of an image, a tap, a channel or guest memory joins what the cut separates, and a copy of a channel's end hides the death of its peer.",
  remedy:
    "Find out who handed it over (bulkhead inspect VM shows all fds), and restart the VM; a holder outside of it is to be ended first.",
  source:
    "/proc/PID/fd of all of the VM's processes, sock_diag(7), against the fds of the plan on record: bulkhead plan VM.yaml --json",
  needs: ["vm", "proc"],
  judge: ({ subject, graph, state }) => graph.edges.flatMap((edge) => judgeEdge(subject, edge, state)),
};

function judgeEdge(vm: string, { kind, object, purpose, holds, undeclared }: FdEdge, state: string): Observation[] {
  // Until its guest runs the launcher still has the ends that it hands out.
  if (undeclared.length === 0 || state === "starting") return [];
  const named = holds.map(({ holder, fd }) => (fd === null ? holder : `${holder} (fd ${fd})`)).join(", ");
  return [
    {
      subject: `${vm}: ${undeclared.join(", ")}`,
      evidence: `${purpose ?? kind} ${object} is held by ${named}`,
    },
  ];
}
