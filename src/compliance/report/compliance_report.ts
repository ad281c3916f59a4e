/**
 * How a control ended. `passed`: the act failed at the layer that must refuse it, its twin succeeded, and the work went on.
 * `failed`: something of that is not so. `unmet`: this host lacks what the control needs. `broken`: no answer, as when it hung.
 */
export const VERDICTS = ["passed", "failed", "unmet", "broken"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One control for one role. */
export interface ReportedControl {
  /** Stable, as `SYS-01`. */
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly role: string;
  readonly verdict: Verdict;
  /** The layer that is credited with the refusal, because the kernel said so or because the act succeeds without it; null: none is. */
  readonly layer: string | null;
  /** What was seen, a sentence each: the act and its answer, the twin and its answer, who refused. Of an unmet one: what is missing. */
  readonly evidence: readonly string[];
}

/** Which layers would each have refused an act alone: two launches that differ in one layer. */
export interface LayerDepth {
  /** Id of the control. */
  readonly act: string;
  readonly role: string;
  /** What the act came to without any layer that can be taken away. */
  readonly bare: string;
  /** Whether each layer refuses the act with none of the others that can be taken away. */
  readonly alone: readonly { readonly layer: string; readonly refuses: boolean }[];
  /** Who refused the act in the whole sandbox without this layer; null: nobody did. */
  readonly without: readonly { readonly layer: string; readonly refusedBy: string | null }[];
}

/** How the plan of a hostile process differs from QEMU's in its place. */
export interface PlanDifference {
  readonly role: string;
  /** `PATH: QEMU's -> the hostile one's`. */
  readonly differences: readonly string[];
}

/** Outcome of `npm run mutation` for the very policies of this run; its key is their hash. */
export interface MutationFigure {
  readonly key: string;
  readonly mutants: number;
  /** Proved to change nothing. */
  readonly equivalent: number;
  readonly noticed: number;
  /** Ids of mutants that no control noticed. */
  readonly uncovered: readonly string[];
}

/** What was judged: by this a reader tells whether the report is about the host and the policies they mean. */
export interface ReportedHost {
  readonly kernel: string;
  /** Active security modules in order; null: securityfs is not mounted. */
  readonly securityModules: readonly string[] | null;
  /** First line of the program's --version. */
  readonly qemu: string;
  /** As `glibc 2.36`. */
  readonly libc: string;
  /** SHA-256 of each role's resolved policy. */
  readonly policies: Readonly<Record<string, string>>;
  /** Each layer as this host can enforce it: `enforced`, or `partial` and `unavailable` with the reason. */
  readonly layers: Readonly<Record<string, string>>;
}

/** What `bulkhead comply --json` prints. Members are added, never renamed. */
export interface ComplianceReport {
  readonly schemaVersion: 1;
  readonly tool: { readonly name: "bulkhead"; readonly version: string };
  readonly profile: "host" | "lab";
  /** When the run ended, ISO 8601 in UTC. */
  readonly time: string;
  readonly host: ReportedHost;
  readonly controls: readonly ReportedControl[];
  readonly plans: readonly PlanDifference[];
  readonly depth: readonly LayerDepth[];
  /** Null: the policies of this run are not those that the figure was measured with. */
  readonly mutation: MutationFigure | null;
}

/** How many controls ended in each way. */
export function countVerdicts(controls: readonly Pick<ReportedControl, "verdict">[]): Record<Verdict, number> {
  const counts = { passed: 0, failed: 0, unmet: 0, broken: 0 };
  for (const { verdict } of controls) counts[verdict] += 1;
  return counts;
}
