import { EXEMPTION_FIXTURES } from "./exemption_fixtures.js";
import { FILTER_FIXTURES } from "./filter_fixtures.js";
import type { CheckFixtures } from "./fixture.js";
import { PLAN_FIXTURES } from "./plan_fixtures.js";
import { POLICY_FIXTURES } from "./policy_fixtures.js";
import { PROCESS_FIXTURES } from "./process_fixtures.js";
import { PROOF_FIXTURES } from "./proof_fixtures.js";
import { SELINUX_FIXTURES } from "./selinux_fixtures.js";

/** The fixture of every check; test/unit/audit/checks.test.ts fails for a check without one. */
export const FIXTURES: CheckFixtures = {
  ...FILTER_FIXTURES,
  ...PROOF_FIXTURES,
  ...POLICY_FIXTURES,
  ...PLAN_FIXTURES,
  ...SELINUX_FIXTURES,
  ...PROCESS_FIXTURES,
  ...EXEMPTION_FIXTURES,
};
