export type { Call } from "./call.js";
export { type FilterSource, stackPrograms } from "./call_space.js";
export { type CallChange, type CompareResult, comparePolicies, comparePrograms, compareSources } from "./compare.js";
export type { Direction } from "./counterexample.js";
export { type Counterexample, type Proof, prove, requireProof } from "./prove.js";
export type { RuleSet } from "./rule_diagram.js";
