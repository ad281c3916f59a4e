import type { ExemptionFacts } from "./facts/exemption_facts.js";
import type { FilterFacts } from "./facts/filter_facts.js";
import type { PlanFacts } from "./facts/plan_facts.js";
import type { PolicyFacts } from "./facts/policy_facts.js";
import type { ProcessFacts } from "./facts/process_facts.js";
import type { ProofFacts } from "./facts/proof_facts.js";
import type { SelinuxFacts } from "./facts/selinux_facts.js";

/** All that checks judge. A target comes to one or more of them: a process has its own, and one filter's for each of its stacks. */
export type Facts = ExemptionFacts | FilterFacts | PlanFacts | PolicyFacts | ProcessFacts | ProofFacts | SelinuxFacts;
export type FactsKind = Facts["kind"];
export type FactsOf<K extends FactsKind> = Extract<Facts, { readonly kind: K }>;
