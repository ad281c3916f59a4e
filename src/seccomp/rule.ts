/** What the filter answers for a call that a rule matches. Names as in seccomp(2). */
export type SeccompAction =
  | { readonly kind: "allow" }
  | { readonly kind: "errno"; readonly errno: number; readonly name: string }
  | { readonly kind: "notify" }
  /** `data` reaches the tracer as the event's message, 16 bits. */
  | { readonly kind: "trace"; readonly data: number }
  | { readonly kind: "log" }
  | { readonly kind: "trap" }
  | { readonly kind: "kill-thread" }
  | { readonly kind: "kill-process" };

/**
 * One comparison on one argument. `width` is the width that the kernel itself uses for the argument: the kernel truncates
 * int-typed arguments after the filter, so a 32-bit check looks at the low half only and says so.
 * `(arg & mask) OP value` for `masked-equal`; `in` is true when the argument equals one of `values`.
 */
export type ArgumentCheck = {
  readonly index: 0 | 1 | 2 | 3 | 4 | 5;
  readonly width: 32 | 64;
  /** As written in the policy, for people: `cmd in [F_GETFL, F_SETFL]`. */
  readonly text: string;
} & (
  | { readonly op: "==" | "!=" | "<" | "<=" | ">" | ">="; readonly value: bigint }
  | { readonly op: "masked-equal" | "masked-not-equal"; readonly mask: bigint; readonly value: bigint }
  | { readonly op: "in" | "not-in"; readonly values: readonly bigint[] }
);

/** Where a rule stands: file relative to the policy folder, 1-based line and column. */
export interface RulePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One rule of a policy: AND of its checks, OR with the other rules of the same syscall. */
export interface SyscallRule {
  readonly syscall: string;
  readonly checks: readonly ArgumentCheck[];
  readonly action: SeccompAction;
  /** What triggers the call, for the reviewer. Never empty. */
  readonly why: string;
  readonly position: RulePosition;
}

/** The two phases of a role. A call of `start` is answered only until lock-down. */
export interface SeccompPolicy {
  readonly start: readonly SyscallRule[];
  readonly run: readonly SyscallRule[];
  /** The answer for everything that no rule matches, foreign arches and x32 included. */
  readonly otherwise: SeccompAction;
}
