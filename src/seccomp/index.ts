export { describeAnswer, encodeAction } from "./action.js";
export { findProgramFault } from "./bpf_check.js";
export { type BpfInstruction, type BpfProgram, INSTRUCTION_BYTES, readProgram, writeProgram } from "./bpf_program.js";
export type { CallFrequency } from "./call_frequency.js";
export {
  type AnswerSeen,
  BudgetExceeded,
  type Call,
  type CallChange,
  type CallSet,
  type CompareResult,
  type Counterexample,
  comparePolicies,
  comparePrograms,
  compareSources,
  type Direction,
  FilterAnalysis,
  type FilterSource,
  type Proof,
  prove,
  type RuleSet,
  requireProof,
  stackPrograms,
  wordCall,
} from "./checker/index.js";
export type { Candidate, ChosenProgram, Generator, GeneratorChoice, ProgramRequest } from "./choose_program.js";
export { chooseProgram } from "./choose_program.js";
export { isConstantAllow } from "./constant_allow.js";
export { type Constant, type ConstantFamily, constantNames, findConstant } from "./constants/index.js";
export { describeEffect, type Effect, type EffectKind, effectOf, type KernelVersion, winningAnswer } from "./effect.js";
export {
  AUDIT_ARCH_X86_64,
  type Evaluation,
  emulate,
  emulateStack,
  evaluate,
  packSyscallData,
  type SyscallData,
  X32_BIT,
} from "./emulator.js";
export { type ExpectedCost, expectedCost } from "./expected_cost.js";
export { compiledFilter, type FilterRequest, filterKey } from "./filter_cache.js";
export * from "./formats/index.js";
export { generateFilter } from "./generator/generate_filter.js";
export { assemble } from "./listing/assemble.js";
export { disassemble, formatListing, type ListingLine } from "./listing/disassemble.js";
export { argumentValueName } from "./listing/operand_names.js";
export { returnName } from "./listing/return_names.js";
export { combinePhases, type FilterRules, type PhaseSelection } from "./phases.js";
export { readFilters, type ThreadFilters } from "./read_filters.js";
export type { ArgumentCheck, RulePosition, SeccompAction, SeccompPolicy, SyscallRule } from "./rule.js";
export { checkHolds, type Decision, decideCall, widthMask } from "./rule_semantics.js";
export { SYSCALL_NUMBERS, syscallName } from "./syscall_numbers.js";
export { type SyscallArgument, syscallArguments } from "./syscall_signatures.js";
