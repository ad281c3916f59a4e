import type { Audited, TargetFacts, TracedGrant } from "./audited.js";
import { type Baseline, withoutKnown } from "./baseline.js";
import { CHECKS } from "./checks/index.js";
import { type Exemption, type ExemptionUse, exemptionFacts, splitExempted } from "./exemptions.js";
import { type Exposure, exposureOf, joinExposures } from "./exposure/exposure.js";
import { type Finding, isAtLeast, SEVERITIES, type Severity, type Unknown } from "./finding.js";
import type { Picture } from "./picture.js";
import { runChecks } from "./run_checks.js";

/** What an audit came to. `bulkhead audit --format json` prints the members that docs/schema/audit.schema.json names. */
export interface AuditReport {
  readonly target: string;
  /** Of the most exposed part; null where it is not known. */
  readonly exposure: number | null;
  /** By part of the target. */
  readonly exposures: readonly Exposure[];
  /** The gravest first. */
  readonly findings: readonly Finding[];
  readonly unknown: readonly Unknown[];
  /** Findings that an exemption covers; not among `findings`. */
  readonly exempted: readonly ExemptionUse[];
  /** Findings that the baseline has, as grave; not among `findings`. */
  readonly known: number;
  readonly grants: readonly TracedGrant[];
  /** Of live processes; null for what does not run. */
  readonly picture: Picture | null;
}

export interface ReportRequest {
  readonly exemptions: readonly Exemption[];
  /** Null: nothing is known yet. */
  readonly baseline: Baseline | null;
  /** Exemptions of earlier days are expired: `2026-11-22`, in UTC. */
  readonly today: string;
}

/** Judges what was read. Pure: the same facts on the same day give the same report. */
export function makeReport(read: TargetFacts, { exemptions, baseline, today }: ReportRequest): AuditReport {
  const judged = runChecks(CHECKS, factsOf(read.audited));
  const { open, exempted } = splitExempted(judged.findings, exemptions, today);
  const ofExemptions = runChecks(CHECKS, exemptionFacts(exemptions, exempted, today));
  const all = [...open, ...ofExemptions.findings];
  const findings = baseline === null ? all : withoutKnown(all, baseline);
  const exposures = read.audited.map(exposureOf).filter(({ shares }) => shares.length > 0);
  return {
    target: read.target,
    exposure: joinExposures(exposures),
    exposures,
    findings: findings.toSorted((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity)),
    unknown: [...read.unknown, ...judged.unknown],
    exempted,
    known: all.length - findings.length,
    grants: read.grants,
    picture: read.picture ?? null,
  };
}

/** Each once: processes that run the same filters have the same facts. */
function factsOf(audited: readonly Audited[]) {
  return [...new Set(audited.flatMap(({ facts }) => facts))];
}

/** Whether the report fails: a finding at or above the severity, or, where that is asked for, anything unknown. */
export function reportFails(report: AuditReport, failOn: { readonly severity: Severity; readonly unknown: boolean }): boolean {
  return (
    (failOn.unknown && report.unknown.length > 0) || report.findings.some(({ severity }) => isAtLeast(severity, failOn.severity))
  );
}
