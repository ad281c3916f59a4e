import type { FilterAnalysis, SyscallRule } from "../../seccomp/index.js";
import type { Location } from "../finding.js";

/** What answers the calls of a process: one program, the programs stacked on a thread, or a policy by its rules. */
export interface FilterFacts {
  readonly kind: "filter";
  /** `disk.bpf`, `filters of thread 41`, `role disk`. */
  readonly subject: string;
  /** Its answers to all calls. */
  readonly analysis: FilterAnalysis;
  /** The rules that it is made from; empty for a program. */
  readonly rules: readonly SyscallRule[];
  /** The file, its first line, for findings that no single rule causes; null without one. */
  readonly location: Location | null;
  /** Ways into the kernel that its format leaves open beside x86-64's own, where rules alone do not show it. */
  readonly openEntries: readonly OpenEntry[];
}

/** `evidence` says which line or which compiler opens it. */
export interface OpenEntry {
  readonly entry: "x32" | "foreign-arch";
  readonly evidence: string;
}

/** Where a call's answer stands in a file: its first rule that looks at the argument, else its first rule, else the file. */
export function locateCall(facts: FilterFacts, syscall: string, argument?: number): { readonly location?: Location } {
  const own = facts.rules.filter((rule) => rule.syscall === syscall);
  const rule = own.find(({ checks }) => checks.some(({ index }) => index === argument)) ?? own[0];
  const location = rule?.position ?? facts.location;
  return location === null ? {} : { location };
}
