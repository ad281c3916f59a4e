import type { ExemptionFacts } from "./facts/exemption_facts.js";
import type { Finding, Location } from "./finding.js";

/** Findings that somebody has accepted, until a day. */
export interface Exemption {
  readonly id: string;
  /** Of findings about exactly this; null: about anything. */
  readonly subject: string | null;
  readonly reason: string;
  /** Last day on which it holds: `2026-12-31`. */
  readonly expires: string;
  readonly location: Location;
}

/** A finding that an exemption covers. */
export interface ExemptionUse {
  readonly finding: Finding;
  readonly exemption: Exemption;
}

/** Takes the findings out that an exemption of today covers. */
export function splitExempted(
  findings: readonly Finding[],
  exemptions: readonly Exemption[],
  today: string,
): { readonly open: readonly Finding[]; readonly exempted: readonly ExemptionUse[] } {
  const exempted: ExemptionUse[] = [];
  const open = findings.filter((finding) => {
    const exemption = exemptions.find((one) => covers(one, finding) && one.expires >= today);
    if (exemption !== undefined) exempted.push({ finding, exemption });
    return exemption === undefined;
  });
  return { open, exempted };
}

function covers({ id, subject }: Exemption, finding: Finding): boolean {
  return id === finding.id && (subject === null || subject === finding.subject);
}

/** What the checks of exemptions judge. An expired one is not unused: it is found as expired. */
export function exemptionFacts(exemptions: readonly Exemption[], uses: readonly ExemptionUse[], today: string): ExemptionFacts[] {
  return exemptions.map((exemption) => ({
    kind: "exemption",
    subject: `exemption of ${exemption.id}${exemption.subject === null ? "" : ` for ${exemption.subject}`}`,
    reason: exemption.reason,
    expires: exemption.expires,
    isExpired: exemption.expires < today,
    covered: uses.filter((use) => use.exemption === exemption).length,
    location: exemption.location,
  }));
}
