import type { ResolvedPolicy } from "../../policy/index.js";

/** What a role holds beside its calls, as text, with how much of it; 1 for what is there or not. */
export type Grants = Readonly<Record<string, number>>;

/** A grant that goes beyond what was reviewed. */
export interface WiderGrant {
  readonly grant: string;
  readonly reviewed: number;
  readonly granted: number;
}

/** Everything that a policy grants beside system calls: limits, fds, files, nodes, opens after lock-down, and mercy after one. */
export function grantsOf(policy: Omit<ResolvedPolicy, "seccomp">): Grants {
  const { limits, nodes, files, attach, selfMade, afterLockDown } = policy;
  return Object.fromEntries([
    ...Object.entries(limits).map(([name, value]): [string, number] => [`limit ${name}`, value]),
    ...nodes.map(({ name, access }): [string, number] => [`node /dev/${name} ${access}`, 1]),
    ...files.map(({ path }): [string, number] => [`file ${path}`, 1]),
    ...attach.map(({ path, access }): [string, number] => [`open after lock-down ${path} ${access}`, 1]),
    ...selfMade.map(({ kind, max }): [string, number] => [`fds of its own making: ${kind}`, max]),
    ...(afterLockDown === "refuse" ? ([["life after a refused start call", 1]] as const) : []),
  ]);
}

/** What is granted beyond what was reviewed. */
export function findWider(reviewed: Grants, granted: Grants): WiderGrant[] {
  return Object.entries(granted).flatMap(([grant, amount]) => {
    const before = reviewed[grant] ?? 0;
    return amount > before ? [{ grant, reviewed: before, granted: amount }] : [];
  });
}
