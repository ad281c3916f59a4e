import type { Check } from "../check.js";

export const exemptionUnused: Check<"exemption"> = {
  id: "exemption-unused",
  on: "exemption",
  title: "An exemption covers nothing",
  severity: "low",
  rationale:
    "What it was written for is gone; left standing it would cover the next finding of its kind without anybody looking.",
  remedy: "Remove the entry.",
  source: "docs/audit.md, Exemptions",
  needs: [],
  judge: ({ subject, isExpired, covered, reason, location }) =>
    covered > 0 || isExpired ? [] : [{ subject, evidence: `no finding of this run is covered by it: ${reason}`, location }],
};
