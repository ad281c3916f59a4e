import { BudgetExceeded } from "../seccomp/index.js";
import type { AnyCheck, Check, Observation, Undecided } from "./check.js";
import type { Facts } from "./facts.js";
import type { Finding, Unknown } from "./finding.js";

/** What came of a run of checks. */
export interface Judgement {
  readonly findings: readonly Finding[];
  readonly unknown: readonly Unknown[];
}

/** Asks every check of what it judges. What a check cannot decide within its budget is unknown. */
export function runChecks(checks: readonly AnyCheck[], facts: readonly Facts[]): Judgement {
  const findings: Finding[] = [];
  const unknown: Unknown[] = [];
  for (const one of facts) {
    for (const check of checks) {
      if (check.on !== one.kind) continue;
      for (const answer of ask(check, one)) {
        if ("unknown" in answer) unknown.push({ id: check.id, subject: answer.subject, why: answer.unknown });
        else findings.push(toFinding(check, answer));
      }
    }
  }
  return { findings, unknown };
}

function ask(check: AnyCheck, facts: Facts): readonly (Observation | Undecided)[] {
  try {
    // The caller has compared the kinds.
    return (check as Check).judge(facts);
  } catch (error) {
    if (!(error instanceof BudgetExceeded)) throw error;
    return [{ subject: facts.subject, unknown: `it cannot be decided: ${error.message}` }];
  }
}

function toFinding({ id, title, severity, remedy }: AnyCheck, observation: Observation): Finding {
  const { subject, evidence, location } = observation;
  return {
    id,
    severity: observation.severity ?? severity,
    title,
    subject,
    evidence,
    remedy: observation.remedy ?? remedy,
    ...(location === undefined ? {} : { location }),
  };
}
