import type { LiveFd, LiveSocket } from "../../observe/index.js";
import type { Check, Observation, Undecided } from "../check.js";
import { describeFd, socketOf } from "../facts/fd_object.js";
import type { ProcessFacts } from "../facts/process_facts.js";
import type { Severity } from "../finding.js";
import { unreadFds } from "../judge_reading.js";

/** Sockets that see or make packets of others: packet(7), raw(7). */
const OF_OTHERS = new Set(["packet", "raw", "raw6"]);
const LOOPBACK = /^(127\.|\[::1\]|\[::ffff:7f)/;

function judgeSocket({ protocol, state, local, remote }: LiveSocket): Severity | null {
  if (OF_OTHERS.has(protocol)) return "high";
  if (protocol === "netlink") return "low";
  if (!/^(tcp|udp|icmp)/.test(protocol)) return null;
  if (state === "listening") return LOOPBACK.test(local) ? "low" : "medium";
  return remote !== "" && LOOPBACK.test(remote) ? "low" : "medium";
}

function judgeFd(fd: LiveFd, facts: ProcessFacts): (Observation | Undecided)[] {
  if (fd.kind !== "socket") return [];
  const subject = `${facts.subject}, fd ${fd.fd}`;
  const socket = socketOf(fd, facts);
  if (socket === null)
    return [{ subject, unknown: `no table of sockets lists ${fd.link}: its family or its namespace is another` }];
  const severity = judgeSocket(socket);
  if (severity === null) return [];
  const { kind, object } = describeFd(fd, facts);
  return [{ subject, evidence: `${kind} ${object}`, severity }];
}

export const processNetworkSocket: Check<"process"> = {
  id: "process-network-socket",
  on: "process",
  title: "The process holds a network socket",
  severity: "medium",
  rationale:
    "Through a socket that it holds a process talks to the network whatever namespace it is in, and others talk to it; a packet or raw socket reads and forges the packets of all others of its namespace.",
  remedy:
    "Let only the process that serves the network hold its sockets; bind to a loopback address or a UNIX socket what only this host uses.",
  source: "/proc/PID/net/{tcp,udp,raw,packet,netlink}, proc_pid_net(5); sock_diag(7)",
  needs: ["proc"],
  judge: (facts) => {
    const { fds } = facts.process;
    return [...(fds.known ? fds.value.list : []).flatMap((fd) => judgeFd(fd, facts)), ...unreadFds(facts)];
  },
};
