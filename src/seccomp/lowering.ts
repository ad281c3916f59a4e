import { SeccompInputError } from "../errors/index.js";
import { type Cube, cubesOf, intersect } from "./cubes.js";
import type { ArgumentCheck, SeccompAction, SyscallRule } from "./rule.js";

/** A rule in the one shape that generators are trusted with: at most one masked equality per argument, all of them required. */
export interface LoweredRule {
  readonly syscall: string;
  readonly cubes: ReadonlyMap<ArgumentCheck["index"], Cube>;
  readonly action: SeccompAction;
}

/** Most lowered rules that one rule may become; the kernel takes 4096 instructions for a whole filter. */
const LOWERED_RULES_MAX = 1024;

/** Rewrites a rule. Together the results match exactly what it matches. Throws SeccompInputError "rule-too-wide". */
export function lowerRule(rule: SyscallRule): LoweredRule[] {
  let alternatives: ReadonlyMap<ArgumentCheck["index"], Cube>[] = [new Map()];
  for (const check of rule.checks) {
    const cubes = cubesOf(check);
    if (alternatives.length * cubes.length > LOWERED_RULES_MAX) throw tooWide(rule, alternatives.length * cubes.length);
    alternatives = alternatives.flatMap((alternative) => cubes.flatMap((cube) => narrow(alternative, check.index, cube)));
  }
  return alternatives.map((cubes) => ({ syscall: rule.syscall, cubes, action: rule.action }));
}

function narrow(
  alternative: ReadonlyMap<ArgumentCheck["index"], Cube>,
  index: ArgumentCheck["index"],
  cube: Cube,
): ReadonlyMap<ArgumentCheck["index"], Cube>[] {
  const present = alternative.get(index);
  const both = present === undefined ? cube : intersect(present, cube);
  if (both === undefined) return [];
  // A cube without a mask holds every value: no comparison is needed.
  return [both.mask === 0n ? alternative : new Map([...alternative, [index, both]])];
}

function tooWide(rule: SyscallRule, count: number): SeccompInputError {
  const { file, line, column } = rule.position;
  return new SeccompInputError({
    code: "rule-too-wide",
    tried: `Cannot compile the rule for ${rule.syscall} at ${file}:${line}:${column}`,
    subject: rule.syscall,
    answer: `its checks multiply to ${count} comparisons; ${LOWERED_RULES_MAX} is the most`,
    remedy: "Split it into rules with fewer inequalities each.",
  });
}
