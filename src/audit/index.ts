export { type AnyCheck, type Check, type CheckDescription, NEEDS, type Need, type Observation, type Undecided } from "./check.js";
export { CHECKS } from "./checks/index.js";
export type { FilterFacts, OpenEntry } from "./facts/filter_facts.js";
export type { ProcessFacts } from "./facts/process_facts.js";
export type { Facts, FactsKind, FactsOf } from "./facts.js";
export { type Finding, isAtLeast, type Location, SEVERITIES, type Severity, type Unknown } from "./finding.js";
export { type Judgement, runChecks } from "./run_checks.js";
