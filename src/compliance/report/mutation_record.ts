import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listRoles, loadRolePolicy } from "../../policy/index.js";
import type { MutationFigure } from "./compliance_report.js";

/** Where `npm run mutation` writes what it measured, in the policy folder. */
export const MUTATION_RECORD = "mutation.json";

/** Mutants of one layer by how they ended. */
export interface LayerFigure {
  readonly mutants: number;
  readonly equivalent: number;
  /** What loads or compiles them does not take them: nobody can run them. */
  readonly refused: number;
  readonly noticed: number;
}

/** The committed record. */
export interface MutationRecord {
  readonly key: string;
  readonly layers: Readonly<Record<string, LayerFigure>>;
  /** How many mutants each control noticed. */
  readonly noticedBy: Readonly<Record<string, number>>;
  /** Ids of equivalent mutants, each with its proof. */
  readonly equivalent: Readonly<Record<string, string>>;
  /** Ids of mutants that are refused before anything runs, each with the refusal. */
  readonly refused: Readonly<Record<string, string>>;
  /** Ids of mutants that nothing noticed. */
  readonly uncovered: readonly string[];
}

/** SHA-256 of every role's policy and of the SELinux module, hex: with others the record says nothing. */
export function mutationKey(policyFolder: string, selinuxFolder: string): string {
  const roles = listRoles(policyFolder).map((role) => [role, loadRolePolicy({ folder: policyFolder, role }).sha256]);
  const module = readFileSync(join(selinuxFolder, "bulkhead.cil"), "utf8");
  return createHash("sha256")
    .update(JSON.stringify([roles, module]))
    .digest("hex");
}

export function readMutationRecord(policyFolder: string): MutationRecord {
  return JSON.parse(readFileSync(join(policyFolder, MUTATION_RECORD), "utf8")) as MutationRecord;
}

/** The figure for a report: null when the record was measured with other policies than these. */
export function mutationFigure(policyFolder: string, selinuxFolder: string): MutationFigure | null {
  // A folder of policies of somebody's own has no record.
  if (!existsSync(join(policyFolder, MUTATION_RECORD))) return null;
  const { key, layers, uncovered } = readMutationRecord(policyFolder);
  if (key !== mutationKey(policyFolder, selinuxFolder)) return null;
  const sum = (count: (figure: LayerFigure) => number): number => Object.values(layers).reduce((all, one) => all + count(one), 0);
  return {
    key,
    mutants: sum(({ mutants, refused }) => mutants - refused),
    equivalent: sum(({ equivalent }) => equivalent),
    noticed: sum(({ noticed }) => noticed),
    uncovered,
  };
}
