import { describeAnswer, encodeAction } from "../action.js";
import { lowerRule } from "../lowering.js";
import type { FilterRules } from "../phases.js";
import type { ArgumentCheck, SeccompAction, SyscallRule } from "../rule.js";
import type { ExportedPolicy } from "./exported_policy.js";
import { formatJson } from "./json_numbers.js";

interface SeccompilerCondition {
  readonly index: number;
  readonly type: "dword" | "qword";
  readonly op: string | { readonly masked_eq: bigint };
  readonly val: bigint;
}

const OPERATORS: Readonly<Partial<Record<ArgumentCheck["op"], string>>> = {
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
};

/**
 * Writes rules as seccompiler's JSON. It has one action for all rules of a thread: rules of others are left out, so that their
 * calls get the default. Throws SeccompInputError "rule-too-wide".
 */
export function exportSeccompiler(filter: FilterRules, thread: string): ExportedPolicy {
  const usual = filter.rules.find(({ action }) => action.kind === "allow")?.action ??
    filter.rules[0]?.action ?? { kind: "allow" };
  const isUsual = ({ action }: SyscallRule): boolean => encodeAction(action) === encodeAction(usual);
  const others = filter.rules.filter((rule) => !isUsual(rule) && encodeAction(rule.action) !== encodeAction(filter.otherwise));
  const losses = [
    ...others.map(({ syscall, action }) => {
      const [given, instead] = [action, filter.otherwise].map((one) => describeAnswer(encodeAction(one)));
      return `${syscall} would answer ${given} and answers ${instead}: a thread has one action`;
    }),
    ...[filter.otherwise, usual].filter(({ kind }) => kind === "notify").map(() => "seccompiler has no user notification"),
  ];
  const rules = filter.rules
    .filter(isUsual)
    .flatMap((rule) =>
      alternativesOf(rule).map((args) => ({ syscall: rule.syscall, comment: rule.why, ...(args.length === 0 ? {} : { args }) })),
    );
  const document = {
    [thread]: { default_action: describeAction(filter.otherwise), filter_action: describeAction(usual), filter: rules },
  };
  return { text: formatJson(document), losses };
}

function alternativesOf(rule: SyscallRule): SeccompilerCondition[][] {
  const plain = rule.checks.map(plainCondition);
  if (plain.every((condition) => condition !== undefined)) return [plain];
  return lowerRule(rule).map(({ cubes }) =>
    [...cubes].map(([index, { mask, value }]) => ({ index, type: "qword", op: { masked_eq: mask }, val: value })),
  );
}

function plainCondition(check: ArgumentCheck): SeccompilerCondition | undefined {
  const place = { index: check.index, type: check.width === 32 ? "dword" : "qword" } as const;
  if (check.op === "masked-equal" && (check.value & ~check.mask) === 0n)
    return { ...place, op: { masked_eq: check.mask }, val: check.value };
  const op = OPERATORS[check.op];
  return op === undefined || !("value" in check) ? undefined : { ...place, op, val: check.value };
}

function describeAction(action: SeccompAction): string | object {
  if (action.kind === "errno") return { errno: action.errno };
  if (action.kind === "trace") return { trace: action.data };
  // Nothing of seccompiler's is as strict as a notification nobody listens to but killing.
  return action.kind === "notify" ? "kill_process" : action.kind.replace("-", "_");
}
