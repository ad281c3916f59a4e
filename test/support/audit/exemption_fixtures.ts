import type { ExemptionFacts } from "../../../src/audit/index.js";
import type { CheckFixtures } from "./fixture.js";

function exemptionFacts(changes: Partial<ExemptionFacts>): ExemptionFacts {
  return {
    kind: "exemption",
    subject: "exemption of seccomp-x32-open",
    reason: "the vendor mends it in March",
    expires: "2027-03-31",
    isExpired: false,
    covered: 1,
    location: { file: "accepted.yaml", line: 2 },
    ...changes,
  };
}

export const EXEMPTION_FIXTURES: CheckFixtures = {
  "exemption-expired": { flagged: () => exemptionFacts({ isExpired: true, covered: 0 }), twin: () => exemptionFacts({}) },
  "exemption-unused": { flagged: () => exemptionFacts({ covered: 0 }), twin: () => exemptionFacts({}) },
};
