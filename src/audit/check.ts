import type { FactsKind, FactsOf } from "./facts.js";
import type { Location, Severity } from "./finding.js";

/** What a check needs besides the target itself; `bulkhead audit checks` lists it in these words. */
export const NEEDS = {
  filter: "a seccomp filter: a program, or a policy of any format",
  policy: "a role policy of ours",
  plan: "a VM file whose launch can be planned on this host",
  proc: "the process's files in /proc, which root may read",
  ptrace: "a stop of the process's threads for some 0.2 ms (not with --no-ptrace)",
  "selinux-policy": "a SELinux policy, compiled or CIL",
  vm: "a running VM and its record",
} as const;
export type Need = keyof typeof NEEDS;

/** What `bulkhead audit explain ID` tells. */
export interface CheckDescription {
  /** Kebab-case, begins with its subject: `seccomp-x32-open`. Part of reports, baselines and exemptions: never renamed. */
  readonly id: string;
  /** A finding in one line, without its object. */
  readonly title: string;
  /** Of a finding, unless the observation has one of its own. */
  readonly severity: Severity;
  /** Why it matters: what an attacker gains. */
  readonly rationale: string;
  /** What to do about it, as a command or a line of a policy where there is one. */
  readonly remedy: string;
  /** Where the fact is from: kernel source, manual page, advisory. */
  readonly source: string;
  readonly needs: readonly Need[];
}

/** One thing that a check saw. */
export interface Observation {
  readonly subject: string;
  readonly evidence: string;
  readonly severity?: Severity;
  readonly remedy?: string;
  readonly location?: Location;
}

/** One thing that a check could not decide from the facts it was given. */
export interface Undecided {
  readonly subject: string;
  readonly unknown: string;
}

/**
 * One check: a pure function of facts. It reads no file and asks no kernel; whoever reads the facts does (src/audit/facts/), so that
 * every check is tried on a fixture that it flags and a twin that it does not (test/unit/audit/checks.test.ts demands both).
 * To add one: a file of its own in src/audit/checks/, one more line in src/audit/checks/index.ts, a fixture and a twin in
 * test/support/audit/. A check of a live process is `on: "process"` and judges ProcessFacts; one that compares the processes of a
 * VM is `on: "vm"`. A fact that could not be read is null in the facts with its reason in `unread`, and an Undecided here.
 */
export interface Check<K extends FactsKind = FactsKind> extends CheckDescription {
  /** The kind of facts that it judges. */
  readonly on: K;
  readonly judge: (facts: FactsOf<K>) => readonly (Observation | Undecided)[];
}

/** A check of any kind, for lists. */
export type AnyCheck = { readonly [K in FactsKind]: Check<K> }[FactsKind];
