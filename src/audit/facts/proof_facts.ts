import type { Proof } from "../../seccomp/index.js";
import type { Location } from "../finding.js";

/** Whether a program, or a stack of them, is the policy that it is said to be. */
export interface ProofFacts {
  readonly kind: "proof";
  /** Of the program. */
  readonly subject: string;
  /** The policy, as it was named. */
  readonly policy: string;
  readonly proof: Proof;
  /** Of the policy. */
  readonly location: Location;
}
