import type { LaunchPlan } from "../../plan/index.js";
import type { Difference } from "../../verify/index.js";
import type { FdGraph } from "./fd_graph.js";

/** A running VM: its plan on record, and what is there. */
export interface VmFacts {
  readonly kind: "vm";
  /** `VM web1`. */
  readonly subject: string;
  readonly state: string;
  readonly plan: LaunchPlan;
  /** Where it is not what its plan says; null: it could not be compared, and `unread` says why. */
  readonly differences: readonly Difference[] | null;
  /** Processes whose filters could not be compared with the plan's, each with the reason. */
  readonly filtersUnread: readonly { readonly process: string; readonly why: string }[];
  readonly unread: string | null;
  /** Who holds what, against the declared topology. */
  readonly graph: FdGraph;
}
