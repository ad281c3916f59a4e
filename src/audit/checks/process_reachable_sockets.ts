import type { LiveSocket } from "../../observe/index.js";
import type { Check } from "../check.js";
import { socketInode } from "../facts/fd_object.js";
import type { ProcessFacts } from "../facts/process_facts.js";
import { nameSome, unreadFds, whenKnown } from "../judge_reading.js";

/** Abstract names and network addresses are open to all of a network namespace; paths are the file system's to refuse. */
function isOpenToNamespace({ state, protocol, local }: LiveSocket): boolean {
  if (state === "listening") return !protocol.startsWith("unix") || local.startsWith("@");
  return protocol === "unix-datagram" && local.startsWith("@");
}

function inodesOf({ process }: ProcessFacts): ReadonlySet<number> {
  const fds = process.fds.known ? process.fds.value.list : [];
  return new Set(fds.flatMap((fd) => socketInode(fd) ?? []));
}

export const processReachableSockets: Check<"process"> = {
  id: "process-reachable-sockets",
  on: "process",
  title: "Services of others are within the process's reach",
  severity: "low",
  rationale:
    "Every process of a network namespace may connect to what listens in it, loopback addresses and abstract UNIX sockets included; many of those services trust whoever is local.",
  remedy:
    "Give it a network namespace of its own (unshare --net, PrivateNetwork=yes), or refuse connect() and socket() in its filter.",
  source: 'unix(7), "Abstract sockets"; network_namespaces(7); sock_diag(7)',
  needs: ["proc"],
  judge: (facts) =>
    whenKnown(facts.process.sockets, facts, (sockets) => {
      const own = inodesOf(facts);
      const reachable = [...sockets.values()].filter((socket) => isOpenToNamespace(socket) && !own.has(socket.inode));
      if (reachable.length === 0) return unreadFds(facts);
      const words = reachable.map(({ protocol, local }) => `${protocol} ${local}`);
      return [
        { subject: facts.subject, evidence: `${reachable.length} in its network namespace: ${nameSome(words)}` },
        ...unreadFds(facts),
      ];
    }),
};
