export { type Call, wordCall } from "./call.js";
export type { CallSet } from "./call_sets.js";
export { type FilterSource, stackPrograms } from "./call_space.js";
export { type CallChange, type CompareResult, comparePolicies, comparePrograms, compareSources } from "./compare.js";
export type { Direction } from "./counterexample.js";
export { BudgetExceeded } from "./diagram.js";
export { type AnswerSeen, FilterAnalysis } from "./filter_analysis.js";
export { type Counterexample, type Proof, prove, requireProof } from "./prove.js";
export type { RuleSet } from "./rule_diagram.js";
