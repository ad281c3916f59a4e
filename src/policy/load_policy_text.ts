import type { SeccompPolicy } from "../seccomp/index.js";
import { IncludeReader, joinRules } from "./load_role_policy.js";
import { type PolicyFileKind, readPolicyFile } from "./policy_file.js";
import { invalidPolicy, parsePolicyText } from "./policy_text.js";
import { findOverlaps } from "./rule_overlap.js";

export interface PolicyTextRequest {
  /** For messages. */
  readonly file: string;
  readonly text: string;
  /** Where the sets lie that it includes. */
  readonly folder: string;
}

/** What a policy file says of syscalls, its includes applied. */
export interface NamedPolicy {
  readonly kind: PolicyFileKind;
  readonly name: string;
  readonly seccomp: SeccompPolicy;
}

/**
 * Reads one role or set from text, wherever it came from. Throws PolicyError "policy-invalid" with all problems, and
 * "policy-unreadable" for the policy folder.
 */
export function loadPolicyText({ file, text, folder }: PolicyTextRequest): NamedPolicy {
  const parsed = parsePolicyText(file, text);
  const keys =
    typeof parsed.value === "object" && parsed.value !== null ? (parsed.value as Readonly<Record<string, unknown>>) : {};
  const kind: PolicyFileKind = keys["role"] === undefined ? "set" : "role";
  const name = keys[kind];
  if (parsed.syntaxProblems.length === 0 && typeof name !== "string") {
    const message = 'a policy begins with its name: "role: NAME", or "set: NAME" for one without limits';
    throw invalidPolicy(file, [{ position: parsed.positionOf([]), message }]);
  }
  const own = readPolicyFile(parsed, kind, typeof name === "string" ? name : kind);
  const files = new IncludeReader(folder).readFrom(own);
  const overlaps = findOverlaps(
    files.flatMap(({ start }) => start),
    files.flatMap(({ run }) => run),
  );
  const problems = [...files.flatMap((one) => one.problems), ...overlaps];
  if (problems.length > 0) throw invalidPolicy(own.name, problems);
  return { kind, name: own.name, seccomp: joinRules(files) };
}
