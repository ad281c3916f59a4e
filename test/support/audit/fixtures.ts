import { FILTER_FIXTURES } from "./filter_fixtures.js";
import type { CheckFixtures } from "./fixture.js";
import { PROCESS_FIXTURES } from "./process_fixtures.js";

/** The fixture of every check; test/unit/audit/checks.test.ts fails for a check without one. */
export const FIXTURES: CheckFixtures = { ...FILTER_FIXTURES, ...PROCESS_FIXTURES };
