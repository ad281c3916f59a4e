import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { SelinuxInputError } from "../errors/index.js";
import type { CompiledPolicy } from "../kernel/index.js";
import { type AccessReason, decideAccess } from "./decide_access.js";

/** What a policy must say; one entry of a file in selinux/checks. */
export interface PolicyCheck {
  /** What is asserted, and why it matters. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly class: string;
  readonly permissions: readonly string[];
  readonly expect: "allow" | "deny";
  /** What must decide it; absent: whatever does. */
  readonly reason?: AccessReason;
}

export interface CheckResult {
  readonly check: PolicyCheck;
  readonly passed: boolean;
  /** What the policy says. */
  readonly observed: string;
}

/** Reads every `*.yaml` of a folder. Throws SelinuxInputError "checks-malformed". */
export function readChecks(folder: string): PolicyCheck[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return names.sort().flatMap((name) => {
    const file = join(folder, name);
    const document = parse(readFileSync(file, "utf8")) as { readonly checks?: unknown } | null;
    const checks = document?.checks;
    if (!Array.isArray(checks) || checks.length === 0) throw malformed(file, "it has no list `checks`");
    return checks.map((check: unknown, index) => requireCheck(check, `${file}: check ${index + 1}`));
  });
}

const TEXTS = ["name", "source", "target", "class", "expect"] as const;

function requireCheck(value: unknown, place: string): PolicyCheck {
  const check = value as Partial<Record<keyof PolicyCheck, unknown>>;
  for (const key of TEXTS) if (typeof check?.[key] !== "string") throw malformed(place, `it lacks the text \`${key}\``);
  if (!Array.isArray(check.permissions) || check.permissions.length === 0) throw malformed(place, "it names no permissions");
  if (check.expect !== "allow" && check.expect !== "deny") throw malformed(place, "`expect` is neither allow nor deny");
  return value as PolicyCheck;
}

/** Asks the policy each of them. A context that it does not know is a failed check: the module is not in it. */
export function runChecks(policy: CompiledPolicy, checks: readonly PolicyCheck[]): CheckResult[] {
  return checks.map((check) => {
    try {
      const { source, target, permissions, expect, reason } = check;
      const found = decideAccess(policy, { source, target, objectClass: check.class, permissions });
      // Of several permissions that must be refused, every one must be.
      const isRefused = found.denied.length === permissions.length;
      const asExpected = expect === "allow" ? found.decision === "allow" : isRefused;
      const passed = asExpected && (reason === undefined || reason === found.reason);
      return { check, passed, observed: `${found.decision} (${found.reason}): ${found.explanation}` };
    } catch (error) {
      if (!(error instanceof SelinuxInputError)) throw error;
      return { check, passed: false, observed: error.message };
    }
  });
}

function malformed(place: string, answer: string): SelinuxInputError {
  return new SelinuxInputError({ code: "checks-malformed", tried: `Cannot read ${place}`, subject: place, answer });
}
