// Audits one policy as the command does, and prints what that cost: node cost_program.js minijail|role FILE
import { readFileSync } from "node:fs";
import { dirname } from "node:path";

/** CPU time of the main thread so far, in ms: who waits waits for it, and V8's own threads work beside it. Documentation/scheduler/sched-stats.rst */
function cpuMs(): number {
  return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
}

// Before anything of ours is loaded: what Node itself takes to start, a measure of how fast this machine is just now.
const startMs = cpuMs();
const { auditFilter, formatReport, makeReport } = await import("../../../src/audit/index.js");
const { loadPolicyText } = await import("../../../src/policy/index.js");
const { combinePhases, importMinijail } = await import("../../../src/seccomp/index.js");

const [kind, file = ""] = process.argv.slice(2);
const loadedMs = cpuMs();
const text = readFileSync(file, "utf8");
const policy =
  kind === "role"
    ? loadPolicyText({ file, text, folder: dirname(dirname(file)) }).seccomp
    : importMinijail({ file, text }).policy;
const rules = combinePhases(policy, "lock-down");
const read = auditFilter({
  subject: file,
  source: { kind: "rules", rules },
  rules: rules.rules,
  location: null,
  openEntries: [],
});
const report = makeReport({ target: file, ...read, grants: [] }, { exemptions: [], baseline: null, today: "2026-11-22" });
const written = formatReport(report, "json", { version: "0", details: false, grants: false });
process.stdout.write(JSON.stringify({ startMs, auditMs: cpuMs() - loadedMs, bytes: written.length }));
