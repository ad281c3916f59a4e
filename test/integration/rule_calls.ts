import {
  type ArgumentCheck,
  checkHolds,
  decideCall,
  type FilterRules,
  type SeccompAction,
  SYSCALL_NUMBERS,
  type SyscallRule,
  X32_BIT,
} from "../../src/seccomp/index.js";

/** A call that exercises a rule: one that it answers, or one that differs from such a call in one argument. */
export interface RuleCall {
  readonly rule: SyscallRule;
  readonly number: number;
  readonly args: readonly bigint[];
  readonly matches: boolean;
  /** What the whole policy answers. */
  readonly action: SeccompAction;
}

const ALL = 0xffffffffffffffffn;
const BITS = Array.from({ length: 64 }, (_, place) => 1n << BigInt(place));

/**
 * One call that the rule answers, and for each of its checks one that only this check refuses, where the policy answers otherwise.
 * A rule without checks takes any argument; its call is repeated under its x32 number.
 */
export function callsFor(rule: SyscallRule, filter: FilterRules): RuleCall[] {
  const number = SYSCALL_NUMBERS.get(rule.syscall) as number;
  const args = findMatch(rule);
  const matching: RuleCall = { rule, number, args, matches: true, action: rule.action };
  if (rule.checks.length === 0)
    return [matching, { rule, number: number + X32_BIT, args, matches: false, action: { kind: "kill-process" } }];
  const mutated = rule.checks.flatMap((check) => findMutation(rule, check, { args, filter }) ?? []);
  return [matching, ...mutated.map((changed) => ({ ...changed, rule, number, matches: false }))];
}

/** Arguments that satisfy the rule. Those that it does not look at are 0. */
function findMatch(rule: SyscallRule): bigint[] {
  const args = Array.from({ length: 6 }, () => 0n);
  for (const { index } of rule.checks) {
    const checks = rule.checks.filter((check) => check.index === index);
    const value = checks
      .flatMap(candidates)
      .find((candidate) => checks.every((check) => checkHolds(check, args.with(index, candidate))));
    if (value === undefined)
      throw new Error(`no value of argument ${index} satisfies ${checks.map(({ text }) => text).join(" and ")}`);
    args[index] = value;
  }
  return args;
}

/** The same call with one argument changed, so that the policy answers it in another way. */
function findMutation(
  rule: SyscallRule,
  check: ArgumentCheck,
  { args, filter }: { readonly args: readonly bigint[]; readonly filter: FilterRules },
): Pick<RuleCall, "args" | "action"> | undefined {
  const value = args[check.index] as bigint;
  for (const candidate of [...BITS.map((bit) => value ^ bit), (value + 1n) & ALL, (value - 1n) & ALL]) {
    const changed = args.with(check.index, candidate);
    if (checkHolds(check, changed)) continue;
    const { action } = decideCall(filter, rule.syscall, changed);
    if (action.kind !== rule.action.kind) return { args: changed, action };
  }
  return undefined;
}

function candidates(check: ArgumentCheck): bigint[] {
  if ("values" in check) return [...check.values, ...BITS];
  if ("mask" in check) return [check.value, check.value ^ check.mask, 0n];
  return [check.value, (check.value + 1n) & ALL, (check.value - 1n) & ALL, 0n];
}
