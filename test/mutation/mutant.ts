/** How a mutant ended. `equivalent`: proved to change nothing. `refused`: what loads or compiles it does not take it, so that nobody can run it. */
export type Outcome =
  | { readonly kind: "noticed"; readonly by: string; readonly evidence: string }
  | { readonly kind: "equivalent"; readonly proof: string }
  | { readonly kind: "refused"; readonly by: string; readonly evidence: string }
  | { readonly kind: "uncovered" };

/** One way in which a policy or a plan was widened, and what came of it. */
export interface JudgedMutant {
  /** Stable: what was widened and how, as `disk/add-call/socket`. */
  readonly id: string;
  readonly layer: "seccomp" | "grants" | "selinux" | "plan";
  readonly outcome: Outcome;
}
