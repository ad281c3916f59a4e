import { addon } from "../kernel/index.js";
import type { ObservedFd, ObservedProcess } from "../observe/index.js";
import type { FdPlan, ProcessPlan } from "../plan/index.js";
import { VMM_ID } from "../spec/index.js";
import type { Comparison } from "./difference.js";

/** The launcher's own copy of a manifest fd, to compare with; open until the process is verified. */
export interface HeldFd {
  readonly plan: FdPlan;
  /** null once the launcher has closed it: then only the inode is compared. */
  readonly fd: number | null;
  /** `dev:ino` of the object. */
  readonly inode: string;
}

/** What a process is compared with beside its own plan. */
export interface FdEvidence {
  readonly held: readonly HeldFd[];
  /** `dev:ino` of the memfds that the VMM made: the only memory that a device may hold. */
  readonly guestMemory: ReadonlySet<string>;
}

/**
 * QEMU renumbers what it was given and makes fds of its own. So every open fd must be one that was given, by inode and by
 * open file description, with no more access; or of a kind that the role may make itself, and no more of them than planned.
 */
export function compareFds(plan: ProcessPlan, observed: ObservedProcess, evidence: FdEvidence, comparison: Comparison): void {
  const { held } = evidence;
  const given = new Set<ObservedFd>();
  const matched = new Set<HeldFd>();
  for (const fd of observed.fds) {
    // Several, where one open file stands at several places of the manifest, as the log does.
    const matches = held.filter((candidate) => candidate.inode === fd.inode && isSameFile(observed.pid, fd, candidate));
    for (const match of matches) matched.add(match);
    if (matches[0] === undefined) continue;
    given.add(fd);
    comparison.expect("fds", describeGiven(fd, matches[0].plan.access), describeGiven(fd, fd.access));
  }
  for (const missing of held.filter((candidate) => !matched.has(candidate))) {
    comparison.note("fds", `${missing.plan.purpose} (${missing.plan.kind})`, "not open");
  }
  const others = observed.fds.filter((fd) => !given.has(fd));
  compareSelfMade(plan, others, evidence, comparison);
}

/** Pipes and sockets have their own open file description per end; /dev/null one per open. Only kcmp tells them apart. */
function isSameFile(pid: number, fd: ObservedFd, held: HeldFd): boolean {
  return held.fd === null || addon.sameOpenFile({ pid, fd: held.fd, otherFd: fd.fd });
}

function describeGiven(fd: ObservedFd, access: string): string {
  return `fd ${fd.fd} ${access}`;
}

/** A device's memfd is the VMM's guest memory, which came over the channel, or it is nothing that a plan allows. */
function kindOf(fd: ObservedFd, plan: ProcessPlan, evidence: FdEvidence): string {
  const received = fd.kind === "memfd" && plan.role !== VMM_ID && evidence.guestMemory.has(fd.inode);
  return received ? "guest-memory" : fd.kind;
}

function compareSelfMade(plan: ProcessPlan, fds: readonly ObservedFd[], evidence: FdEvidence, comparison: Comparison): void {
  const byKind = new Map<string, ObservedFd[]>();
  for (const fd of fds) {
    const kind = kindOf(fd, plan, evidence);
    byKind.set(kind, [...(byKind.get(kind) ?? []), fd]);
  }
  for (const [kind, made] of byKind) {
    const max = plan.selfMade.find((allowed) => allowed.kind === kind)?.max ?? 0;
    if (made.length <= max) continue;
    const links = made.map((fd) => `${fd.fd} -> ${JSON.stringify(fd.link)}`).join(", ");
    comparison.note("fds", `at most ${max} ${kind} of its own`, `${made.length}: ${links}`);
  }
}
