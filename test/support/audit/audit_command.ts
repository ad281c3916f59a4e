import type { Finding, Unknown } from "../../../src/audit/index.js";
import { runBulkhead } from "../run_command.js";

/** What `bulkhead audit --format json` printed. */
export interface PrintedAudit {
  readonly exitCode: number | null;
  readonly exposure: number | null;
  readonly findings: readonly Finding[];
  readonly unknown: readonly Unknown[];
  readonly exposures: readonly { readonly subject: string; readonly figure: number | null }[];
}

type Place = Parameters<typeof runBulkhead>[1];

/** Audits as a user would; throws with what was told where no report came. */
export async function auditWith(args: readonly string[], place: Place): Promise<PrintedAudit> {
  const { exitCode, stdout, stderr } = await runBulkhead(["audit", ...args, "--format", "json"], place);
  if (exitCode !== 0 && exitCode !== 1) throw new Error(`audit ${args.join(" ")} ended with ${exitCode}: ${stderr}`);
  return { exitCode, ...(JSON.parse(stdout) as Omit<PrintedAudit, "exitCode">) };
}

/** Evidence of one check's findings. */
export function evidenceOf({ findings }: PrintedAudit, id: string): string[] {
  return findings.filter((finding) => finding.id === id).map(({ evidence }) => evidence);
}

export function idsOf({ findings }: PrintedAudit): Set<string> {
  return new Set(findings.map(({ id }) => id));
}
