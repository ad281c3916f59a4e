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

/** Where the filter as a whole stands, when it stands in a file. */
export function locateFilter({ location }: FilterFacts): { readonly location?: Location } {
  return location === null ? {} : { location };
}

/** Of these calls those that pass in some form. */
export function passingOf({ analysis }: FilterFacts, syscalls: readonly string[]): string[] {
  return syscalls.filter((syscall) => analysis.findPassing({ syscall }) !== null);
}

/** A number that no kernel has, well above the last of syscall_64.tbl and below x32's. */
const UNKNOWN_NUMBER = 1000;

/** Whether the filter names what it refuses, and lets the rest pass. */
export function hasPermissiveDefault({ analysis }: FilterFacts): boolean {
  return analysis.findPassing({ number: UNKNOWN_NUMBER }) !== null;
}

/** O_CREAT|O_WRONLY: include/uapi/asm-generic/fcntl.h. */
const CREATE_TO_WRITE = 0o101n;
/** AF_INET: include/linux/socket.h. */
const AF_INET = 2n;

/**
 * Whether a filter lets programs be written, started and connected: one for containers, in which any program runs. Combinations of
 * calls add nothing to what such a filter grants anyway.
 */
export function isForAnyProgram({ analysis }: FilterFacts): boolean {
  const inet = { index: 0, width: 32, op: "==", value: AF_INET, text: "AF_INET" } as const;
  const create = { index: 2, width: 32, op: "masked-equal", mask: CREATE_TO_WRITE, value: CREATE_TO_WRITE, text: "" } as const;
  return [
    { syscall: "execve" },
    { syscall: "clone" },
    { syscall: "socket", checks: [inet] },
    { syscall: "openat", checks: [create] },
  ].every((calls) => analysis.findPassing(calls) !== null);
}
