import { createHash } from "node:crypto";
import { SpecError } from "../errors/index.js";
import { type Finding, SEVERITIES, type Severity } from "./finding.js";

/** Severities of the findings of an earlier report, by fingerprint; as many as there were. */
export type Baseline = ReadonlyMap<string, readonly Severity[]>;

/** Numbers that change from run to run, behind the words that the subjects of live processes put before them. */
const RUN_NUMBERS = /\b(process|processes|thread|threads|pid|tid|inode) \d+/g;

/** What makes two findings of different runs the same: the check and its object, without pids and without lines, which move. */
export function fingerprint({ id, subject }: Pick<Finding, "id" | "subject">): string {
  const stable = subject.replace(RUN_NUMBERS, "$1");
  return createHash("sha256").update(`${id}\n${stable}`).digest("hex");
}

/** Reads a report of --format json. Throws SpecError "baseline-malformed". */
export function parseBaseline(file: string, text: string): Baseline {
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw malformed(file, cause instanceof Error ? cause.message : String(cause));
  }
  const { schemaVersion, findings } = (report ?? {}) as Partial<Record<string, unknown>>;
  if (schemaVersion !== 1 || !Array.isArray(findings)) throw malformed(file, "it has no schemaVersion 1 and no list of findings");
  const known = new Map<string, Severity[]>();
  for (const [index, finding] of (findings as unknown[]).entries()) {
    const { id, subject, severity } = (finding ?? {}) as Partial<Record<string, unknown>>;
    const place = `findings[${index}]`;
    if (typeof id !== "string" || typeof subject !== "string") throw malformed(file, `${place} has no id and subject`);
    const knownSeverity = SEVERITIES.find((one) => one === severity);
    if (knownSeverity === undefined) throw malformed(file, `${place} has no severity of ${SEVERITIES.join(", ")}`);
    const key = fingerprint({ id, subject });
    known.set(key, [...(known.get(key) ?? []), knownSeverity]);
  }
  return known;
}

/** What is new, or graver than it was. Of several findings alike, as many as the baseline has are known. */
export function withoutKnown(findings: readonly Finding[], baseline: Baseline): Finding[] {
  const left = new Map([...baseline].map(([key, severities]) => [key, [...severities]]));
  return findings.filter((finding) => {
    const known = left.get(fingerprint(finding)) ?? [];
    const index = known.findIndex((severity) => SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(finding.severity));
    if (index >= 0) known.splice(index, 1);
    return index < 0;
  });
}

function malformed(file: string, answer: string): SpecError {
  return new SpecError({
    code: "baseline-malformed",
    tried: `Cannot read the baseline ${file}`,
    subject: file,
    answer,
    remedy: "Make one with: bulkhead audit TARGET --format json --output FILE",
  });
}
