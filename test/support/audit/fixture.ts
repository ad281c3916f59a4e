import type { Facts } from "../../../src/audit/index.js";

/** Facts that a check must flag, and the nearest ones that it must not. Both are of the check's kind. */
export interface CheckFixture {
  readonly flagged: () => Facts;
  readonly twin: () => Facts;
}

/** By the check's id. */
export type CheckFixtures = Readonly<Record<string, CheckFixture>>;
