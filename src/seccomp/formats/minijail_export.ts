import { encodeAction } from "../action.js";
import type { Cube } from "../cubes.js";
import { lowerRule } from "../lowering.js";
import type { FilterRules } from "../phases.js";
import type { ArgumentCheck, SeccompAction, SyscallRule } from "../rule.js";
import type { ExportedPolicy } from "./exported_policy.js";

const ALL = 0xffffffffffffffffn;
const ARGUMENT_BITS = 64;
/** What minijail's compiler takes for @default. */
const DEFAULTS: readonly SeccompAction["kind"][] = ["kill-process", "kill-thread", "trap", "notify"];

/**
 * Writes rules as a minijail .policy. Comparisons that minijail lacks, 32-bit ones above all, become tests of bits that mean the
 * same. Throws SeccompInputError "rule-too-wide".
 */
export function exportMinijail(filter: FilterRules): ExportedPolicy {
  const losses = DEFAULTS.includes(filter.otherwise.kind)
    ? []
    : [`a policy cannot have the default ${filter.otherwise.kind}, and kills`];
  const otherwise = losses.length === 0 ? describeAction(filter.otherwise) : "kill-process";
  const bySyscall = new Map<string, SyscallRule[]>();
  for (const rule of filter.rules) bySyscall.set(rule.syscall, [...(bySyscall.get(rule.syscall) ?? []), rule]);
  const lines = [...bySyscall].flatMap(([syscall, rules]) => {
    const filters = describeFilters(rules);
    // Rules that no call matches leave nothing to write.
    return filters === "" ? [] : [`${syscall}: ${filters}`];
  });
  const tracing = filter.rules.some(({ action }) => action.kind === "trace" && action.data !== 0);
  if (tracing) losses.push("a tracer is told no data");
  return { text: `${[`@default ${otherwise}`, ...lines].join("\n")}\n`, losses };
}

/** One filter for each action; rules without conditions come last, as minijail wants it. */
function describeFilters(rules: readonly SyscallRule[]): string {
  const filters = new Map<number, { readonly action: SeccompAction; readonly clauses: string[] }>();
  for (const rule of rules) {
    const known = filters.get(encodeAction(rule.action)) ?? { action: rule.action, clauses: [] };
    filters.set(encodeAction(rule.action), known);
    known.clauses.push(...clausesOf(rule));
  }
  const matching = [...filters.values()].filter(({ clauses }) => clauses.length > 0);
  const described = matching.map(({ action, clauses }) => {
    const words = describeAction(action);
    if (clauses.includes("")) return { always: true, text: words };
    return { always: false, text: `${clauses.join(" || ")}${action.kind === "allow" ? "" : `; ${words}`}` };
  });
  const texts = described.sort((a, b) => Number(a.always) - Number(b.always)).map(({ text }) => text);
  return texts.length < 2 ? (texts[0] ?? "") : `{ ${texts.join(", ")} }`;
}

/** Alternatives of one rule, each an AND; an empty one always holds. */
function clausesOf(rule: SyscallRule): string[] {
  const plain = rule.checks.map(plainAtom);
  if (plain.every((atom) => atom !== undefined)) return [plain.join(" && ")];
  return lowerRule(rule).map(({ cubes }) => [...cubes].flatMap(([index, cube]) => atomsOf(index, cube)).join(" && "));
}

function plainAtom(check: ArgumentCheck): string | undefined {
  if (check.width === 32 || !("value" in check) || "mask" in check) return undefined;
  return `arg${check.index} ${check.op} ${hex(check.value)}`;
}

/** (argument & mask) == value: none of the bits that must be 0, and each of those that must be 1. */
function atomsOf(index: number, { mask, value }: Cube): string[] {
  if (mask === ALL) return [`arg${index} == ${hex(value)}`];
  const clear = mask & ~value;
  const atoms = clear === 0n ? [] : [`arg${index} in ${hex(ALL & ~clear)}`];
  for (let place = 0; place < ARGUMENT_BITS; place++) {
    const bit = 1n << BigInt(place);
    if ((value & bit) !== 0n) atoms.push(`arg${index} & ${hex(bit)}`);
  }
  return atoms;
}

function describeAction(action: SeccompAction): string {
  if (action.kind === "errno") return `return ${action.errno}`;
  return action.kind === "notify" ? "user-notify" : action.kind;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
