import { type AuditReport, type Finding, makeReport, type TargetFacts } from "../../../src/audit/index.js";
import { programFacts } from "./filter_fixtures.js";
import { confinedProcess, confinedThread } from "./process_fixtures.js";

/** A name that a hostile process gave itself: colours, another line, what would end an XML attribute. */
export const HOSTILE_NAME = "a\u001b[31m\nok 1 - fine \"<&>'\u202e";

/** A filter and a process, each with findings, and something unknown. */
export function sampleFacts(): TargetFacts {
  const filter = {
    ...programFacts("A = sys_number", "A == read ? ok : dead", "dead: return KILL", "ok: return ALLOW"),
    location: PLACE,
  };
  const process = confinedProcess({ threads: [confinedThread({ noNewPrivs: false })] });
  return {
    target: "sample",
    audited: [
      { subject: "filter", facts: [filter], isUnfiltered: false },
      { subject: "process", facts: [{ ...process, subject: `process 4711 (${HOSTILE_NAME})` }], isUnfiltered: true },
    ],
    unknown: [{ id: null, subject: "filters of process 4711", why: "ptrace: EPERM" }],
    grants: [{ subject: "process", grant: "fd 0: null, r", from: "web1.yaml:6", why: "standard input" }],
  };
}

const PLACE = { file: "policies/my filter.bpf", line: 1 };

export function sampleReport(): AuditReport {
  return makeReport(sampleFacts(), { exemptions: [], baseline: null, today: "2026-11-22" });
}

export function finding(changes: Partial<Finding>): Finding {
  return { id: "seccomp-x32-open", severity: "high", title: "t", subject: "s", evidence: "e", remedy: "r", ...changes };
}
