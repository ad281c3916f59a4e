import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ComplianceInputError } from "../../errors/index.js";
import type { ResolvedPolicy } from "../../policy/index.js";
import {
  type ArgumentCheck,
  combinePhases,
  type FilterRules,
  type SeccompAction,
  type SyscallRule,
} from "../../seccomp/index.js";
import { type Grants, grantsOf } from "./reviewed_grants.js";

/**
 * What a role was last reviewed to be allowed: policies/reviewed/ROLE.json, apart from the policy that it is held against. A policy
 * that allows more than this makes a control fail until somebody has looked and written it down anew.
 */
export interface ReviewedRole {
  readonly role: string;
  /** Calls and their answers, as a launch installs them: start calls are notified. All others kill the process. */
  readonly rules: FilterRules;
  readonly grants: Grants;
}

interface WrittenRole {
  readonly rules: readonly WrittenRule[];
  readonly grants: Grants;
}

/** One rule as it is written: the call, its answer, its checks. */
type WrittenRule = readonly [syscall: string, answer: string, ...checks: WrittenCheck[]];
/** `[1, 32, "in", ["0x3", "0x4"], "cmd in [F_GETFL, F_SETFL]"]`. */
type WrittenCheck = readonly [index: number, width: number, op: string, operands: readonly string[], text: string];

const OTHERWISE: SeccompAction = { kind: "kill-process" };
const ERRNO = /^errno (\d+) ([A-Z0-9]+)$/;

/** Text of policies/reviewed/ROLE.json for a policy: one rule a line, sorted, so that a review sees each one that comes or goes. */
export function writeReviewed(policy: ResolvedPolicy): string {
  const { role, seccomp } = policy;
  const rules = combinePhases(seccomp, "lock-down")
    .rules.map(writeRule)
    .map((rule) => JSON.stringify(rule));
  const grants = Object.entries(grantsOf(policy)).map(([grant, amount]) => `${JSON.stringify(grant)}: ${amount}`);
  return `{"role": ${JSON.stringify(role)}, "rules": [\n${rules.sort().join(",\n")}\n],\n"grants": {\n${grants.sort().join(",\n")}\n}}\n`;
}

/** Reads the reviewed rules of a role. Throws ComplianceInputError "not-reviewed". */
export function readReviewed(folder: string, role: string): ReviewedRole {
  const file = join(folder, "reviewed", `${role}.json`);
  try {
    const { rules, grants } = JSON.parse(readFileSync(file, "utf8")) as WrittenRole;
    return { role, rules: { rules: rules.map((rule) => readRule(rule, file)), otherwise: OTHERWISE }, grants };
  } catch (cause) {
    throw new ComplianceInputError({
      code: "not-reviewed",
      tried: `Cannot read what role "${role}" was reviewed to be allowed`,
      subject: file,
      answer: cause instanceof Error ? cause.message : String(cause),
      remedy: "Review the role's policy, then run: node scripts/generate_reviewed.mjs",
      cause,
    });
  }
}

function writeRule({ syscall, action, checks }: SyscallRule): WrittenRule {
  const answer = action.kind === "errno" ? `errno ${action.errno} ${action.name}` : action.kind;
  return [syscall, answer, ...checks.map(writeCheck)];
}

function writeCheck(check: ArgumentCheck): WrittenCheck {
  const operands = "values" in check ? check.values : "mask" in check ? [check.mask, check.value] : [check.value];
  return [check.index, check.width, check.op, operands.map((operand) => `0x${operand.toString(16)}`), check.text];
}

function readRule([syscall, answer, ...checks]: WrittenRule, file: string): SyscallRule {
  const position = { file, line: 1, column: 1 };
  return { syscall, checks: checks.map(readCheck), action: readAnswer(answer), why: "as reviewed", position };
}

function readAnswer(answer: string): SeccompAction {
  const [, errno, name] = ERRNO.exec(answer) ?? [];
  if (errno !== undefined && name !== undefined) return { kind: "errno", errno: Number(errno), name };
  if (answer === "allow" || answer === "notify") return { kind: answer };
  throw new Error(`no shipped role answers ${answer}`);
}

function readCheck([index, width, op, written, text]: WrittenCheck): ArgumentCheck {
  const operands = written.map(BigInt);
  const place = { index, width, text };
  const [first = 0n, second = 0n] = operands;
  if (op === "in" || op === "not-in") return { ...place, op, values: operands } as ArgumentCheck;
  if (op === "masked-equal" || op === "masked-not-equal") return { ...place, op, mask: first, value: second } as ArgumentCheck;
  return { ...place, op, value: first } as ArgumentCheck;
}
