import type { Check } from "../check.js";

export const exemptionExpired: Check<"exemption"> = {
  id: "exemption-expired",
  on: "exemption",
  title: "An exemption has expired",
  severity: "medium",
  rationale: "What was accepted for a time is open again, and nobody has decided about it since.",
  remedy: "Mend what it covers and remove the entry, or set a new day in `expires` with a reason of today.",
  source: "docs/audit.md, Exemptions",
  needs: [],
  judge: ({ subject, isExpired, expires, reason, location }) =>
    isExpired ? [{ subject, evidence: `it held until ${expires}: ${reason}`, location }] : [],
};
