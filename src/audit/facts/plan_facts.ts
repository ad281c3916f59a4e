import type { ProcessPlan } from "../../plan/index.js";
import type { Location } from "../finding.js";

/** What a launch of a VM file would give one process on this host. */
export interface PlanFacts {
  readonly kind: "plan";
  /** `disk0 of web1`. */
  readonly subject: string;
  readonly process: ProcessPlan;
  /** Layers that the VM file or the host file demands. */
  readonly required: readonly string[];
  /** Of the device in the VM file. */
  readonly location: Location;
}
