import { readFileSync } from "node:fs";
import { join } from "node:path";
import { QEMU_GENERATIONS, type QemuGeneration } from "../../../src/compliance/lab/index.js";
import type { ConformanceResult } from "../../../src/protocol/index.js";
import { repositoryRoot } from "../repository.js";

/** A row of a table of findings: `| `case` | the rule | 7.2 | 10 | 11 |`, where = stands for what is to the left. */
const ROW = /^\| `([a-z0-9-]+)` \|(?:[^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$/;

export const SPECIFICATION = readFileSync(join(repositoryRoot, "docs/protocol.md"), "utf8");

/** What docs/protocol.md says that a generation does otherwise than the specification: by case. */
export function documentedFindings(generation: QemuGeneration): ReadonlyMap<string, string> {
  const findings = new Map<string, string>();
  for (const line of SPECIFICATION.split("\n")) {
    const [, id, ...cells] = ROW.exec(line) ?? [];
    if (id === undefined) continue;
    const columns = cells.map((cell) => cell.trim());
    for (let index = 1; index < columns.length; index++) if (columns[index] === "=") columns[index] = columns[index - 1] ?? "";
    const finding = columns[QEMU_GENERATIONS.indexOf(generation)] ?? "";
    if (finding !== "") findings.set(id, finding);
  }
  return findings;
}

/** Those that failed, each as `case: what was seen`. */
export function failuresOf(results: readonly ConformanceResult[]): string[] {
  return results.filter(({ verdict }) => verdict === "failed").map(({ id, evidence }) => `${id}: ${evidence}`);
}

/** What is documented of these cases, in the same words. */
export function documentedFailures(generation: QemuGeneration, results: readonly ConformanceResult[]): string[] {
  const findings = documentedFindings(generation);
  return results.flatMap(({ id }) => (findings.has(id) ? [`${id}: ${findings.get(id)}`] : []));
}
