import { PAST_FILTERS } from "../../src/compliance/boundary/boundary_calls.js";
import { type ArgumentCheck, type FilterRules, SYSCALL_NUMBERS, type SyscallRule, widthMask } from "../../src/seccomp/index.js";

/** A role's filter with one thing widened. */
export interface SeccompMutant {
  readonly id: string;
  readonly filter: FilterRules;
  /** The one call whose rules differ; null: all calls may. */
  readonly syscall: string | null;
}

const ALLOW = { kind: "allow" } as const;
const POSITION = { file: "mutant", line: 1, column: 1 };

/** Every mutant of a role's filter, in a fixed order. */
export function* seccompMutants(role: string, filter: FilterRules): Generator<SeccompMutant> {
  yield* addedCalls(role, filter);
  for (const [index, rule] of filter.rules.entries()) yield* ruleMutants(role, filter, { rule, index });
  yield { id: `${role}/otherwise-allow`, filter: { ...filter, otherwise: ALLOW }, syscall: null };
}

function* addedCalls(role: string, filter: FilterRules): Generator<SeccompMutant> {
  const named = new Set(filter.rules.map(({ syscall }) => syscall));
  for (const syscall of SYSCALL_NUMBERS.keys()) {
    if (named.has(syscall) || PAST_FILTERS.includes(syscall)) continue;
    const rule: SyscallRule = { syscall, checks: [], action: ALLOW, why: "mutant", position: POSITION };
    yield { id: `${role}/add-call/${syscall}`, filter: { ...filter, rules: [...filter.rules, rule] }, syscall };
  }
}

function* ruleMutants(
  role: string,
  filter: FilterRules,
  { rule, index }: { readonly rule: SyscallRule; readonly index: number },
): Generator<SeccompMutant> {
  const { syscall, action, checks } = rule;
  const word = `${syscall}(${checks.map(({ text }) => text).join(", ")})`;
  const mutant = (kind: string, changed: SyscallRule): SeccompMutant => {
    const rules = withoutCovered(filter.rules.with(index, changed), changed);
    return { id: `${role}/${kind}/${word}`, filter: { ...filter, rules }, syscall };
  };
  if (action.kind === "notify") yield mutant("start-to-run", { ...rule, action: ALLOW });
  if (action.kind === "errno") yield mutant("allow-errno", { ...rule, action: ALLOW });
  if (action.kind === "errno") return;
  for (const [place, check] of checks.entries()) {
    yield mutant(`drop-check-${check.index}`, { ...rule, checks: checks.toSpliced(place, 1) });
    const wider = widen(check);
    if (wider !== null) yield mutant(`widen-check-${check.index}`, { ...rule, checks: checks.with(place, wider) });
  }
}

/** Start rules whose calls a run rule answers go, as the loader of policies has it. */
function withoutCovered(rules: readonly SyscallRule[], by: SyscallRule): SyscallRule[] {
  const texts = new Set(by.checks.map(({ text }) => text));
  return rules.filter(({ syscall, action, checks }) => {
    const isStart = syscall === by.syscall && action.kind === "notify" && by.action.kind === "allow";
    return !(isStart && [...texts].every((text) => checks.some((check) => check.text === text)));
  });
}

/** The check with each value's successor, or one bit less of its mask; null where only dropping it widens. */
function widen(check: ArgumentCheck): ArgumentCheck | null {
  const all = widthMask(check.width);
  switch (check.op) {
    case "==":
      return { ...check, op: "in", values: [check.value, (check.value + 1n) & all] };
    case "in":
      return { ...check, values: check.values.flatMap((value) => [value, (value + 1n) & all]) };
    case "masked-equal": {
      const lowest = check.mask & -check.mask;
      return { ...check, mask: check.mask & ~lowest, value: check.value & ~lowest };
    }
    case "<":
    case "<=":
      return { ...check, value: (check.value + 1n) & all };
    case ">":
    case ">=":
      return { ...check, value: (check.value - 1n) & all };
    case "!=":
    case "not-in":
    case "masked-not-equal":
      return null;
  }
}
