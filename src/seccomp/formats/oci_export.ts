import { lowerRule } from "../lowering.js";
import type { FilterRules } from "../phases.js";
import type { ArgumentCheck, SeccompAction, SyscallRule } from "../rule.js";
import type { ExportedPolicy } from "./exported_policy.js";
import { formatJson } from "./json_numbers.js";

interface OciArgument {
  readonly index: number;
  readonly value: bigint;
  readonly valueTwo?: bigint;
  readonly op: string;
}

const ALL = 0xffffffffffffffffn;
const OPERATORS: Readonly<Partial<Record<ArgumentCheck["op"], string>>> = {
  "==": "SCMP_CMP_EQ",
  "!=": "SCMP_CMP_NE",
  "<": "SCMP_CMP_LT",
  "<=": "SCMP_CMP_LE",
  ">": "SCMP_CMP_GT",
  ">=": "SCMP_CMP_GE",
};

/**
 * Writes rules as `linux.seccomp` of an OCI runtime configuration. What OCI has no comparison for becomes several entries with
 * masked equality, which mean the same. Throws SeccompInputError "rule-too-wide".
 */
export function exportOci(filter: FilterRules): ExportedPolicy {
  const entries = filter.rules.flatMap((rule) =>
    alternativesOf(rule).map((args) => ({
      names: [rule.syscall],
      ...describeAction(rule.action, { action: "action", errno: "errnoRet" }),
      ...(args.length === 0 ? {} : { args }),
      comment: rule.why,
    })),
  );
  const document = {
    ...describeAction(filter.otherwise, { action: "defaultAction", errno: "defaultErrnoRet" }),
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: entries,
  };
  return { text: formatJson(document), losses: [] };
}

/** Runtimes read two conditions on one argument as alternatives, so each argument has one at most. */
function alternativesOf(rule: SyscallRule): OciArgument[][] {
  const indices = rule.checks.map(({ index }) => index);
  const plain = rule.checks.map(plainArgument);
  if (new Set(indices).size === indices.length && plain.every((argument) => argument !== undefined)) return [plain];
  return lowerRule(rule).map(({ cubes }) =>
    [...cubes].map(([index, { mask, value }]) =>
      mask === ALL ? { index, value, op: "SCMP_CMP_EQ" } : { index, value: mask, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" },
    ),
  );
}

function plainArgument(check: ArgumentCheck): OciArgument | undefined {
  const op = OPERATORS[check.op];
  return op === undefined || check.width === 32 || !("value" in check)
    ? undefined
    : { index: check.index, value: check.value, op };
}

function describeAction(action: SeccompAction, keys: { readonly action: string; readonly errno: string }): object {
  const name = {
    [keys.action]: `SCMP_ACT_${action.kind === "kill-thread" ? "KILL_THREAD" : action.kind.toUpperCase().replace("-", "_")}`,
  };
  if (action.kind === "errno") return { ...name, [keys.errno]: action.errno };
  return action.kind === "trace" ? { ...name, [keys.errno]: action.data } : name;
}
