import { SeccompInputError } from "../../errors/index.js";

/** A policy in another format. */
export interface ExportedPolicy {
  readonly text: string;
  /** What the format cannot say, and what its text does instead. Empty: it is exact for calls of x86-64. */
  readonly losses: readonly string[];
}

/** Gives the text when nothing is lost, or when that is accepted. Throws SeccompInputError "export-lossy". */
export function acceptExport(exported: ExportedPolicy, how: { readonly format: string; readonly lossy: boolean }): string {
  if (exported.losses.length === 0 || how.lossy) return exported.text;
  throw new SeccompInputError({
    code: "export-lossy",
    tried: `Cannot express the policy exactly as ${how.format}`,
    subject: how.format,
    answer: exported.losses.join("; "),
    remedy: "Choose another format, or accept the difference with --lossy.",
  });
}
