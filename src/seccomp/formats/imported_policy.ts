import { SeccompInputError } from "../../errors/index.js";
import type { SeccompPolicy } from "../rule.js";

/** Text of a policy in another format. */
export interface ImportRequest {
  /** For messages and rule positions. */
  readonly file: string;
  readonly text: string;
}

/** A policy read from another format. */
export interface ImportedPolicy {
  /** All rules are `run` rules: other formats have no phases. */
  readonly policy: SeccompPolicy;
  /** What the policy here does not do as the file says, and how it differs. Empty: it is exact. */
  readonly losses: readonly string[];
  /** What the file holds beside what a filter decides; nothing is lost with it. */
  readonly notes: readonly string[];
}

/** Longest text of a policy, in characters; Docker's default profile has 20,000. */
export const TEXT_LENGTH_MAX = 1024 * 1024;
/** Rules that one file may become; a filter has at most 4096 instructions. */
export const RULES_MAX = 8192;

/** Gives the policy when nothing is lost, or when that is accepted. Throws SeccompInputError "import-lossy". */
export function acceptImport(imported: ImportedPolicy, how: { readonly file: string; readonly lossy: boolean }): SeccompPolicy {
  if (imported.losses.length === 0 || how.lossy) return imported.policy;
  throw new SeccompInputError({
    code: "import-lossy",
    tried: `${how.file}: cannot be expressed exactly`,
    subject: how.file,
    answer: imported.losses.join("; "),
    remedy: "Change the file, or accept the difference with --lossy.",
  });
}

/** SeccompInputError "format-invalid". `place` is `LINE`, `LINE:COLUMN` or a path of keys. */
export function invalidFormat(file: string, place: string, answer: string): SeccompInputError {
  return new SeccompInputError({ code: "format-invalid", tried: `${file}:${place}: ${answer}`, subject: file });
}

/** Throws "format-invalid" for a text that is too long to be a policy. */
export function requireLength({ file, text }: ImportRequest): void {
  if (text.length > TEXT_LENGTH_MAX) throw invalidFormat(file, "1", `${text.length} characters; ${TEXT_LENGTH_MAX} is the most`);
}
