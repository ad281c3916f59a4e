import type { Location } from "../finding.js";

/** An exemption beside what it did in this run. */
export interface ExemptionFacts {
  readonly kind: "exemption";
  /** `exemption of seccomp-x32-open`. */
  readonly subject: string;
  readonly reason: string;
  /** Last day on which it holds, `2026-12-31`. */
  readonly expires: string;
  readonly isExpired: boolean;
  /** Findings that it covered in this run. */
  readonly covered: number;
  readonly location: Location;
}
