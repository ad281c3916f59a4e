import { PolicyError } from "../errors/index.js";
import { quoteValue } from "../text/index.js";
import { suggestion } from "./entry_reader.js";
import { listRoles, loadRolePolicy } from "./load_role_policy.js";
import type { ResolvedPolicy } from "./resolved_policy.js";

/** Names of the roles of a policy folder that were written for a device model, sorted. */
export function rolesOfModel(folder: string, model: string): string[] {
  return listRoles(folder).filter((role) => loadRolePolicy({ folder, role }).models.includes(model));
}

export interface ModelRequest {
  readonly model: string;
  /** Where it is asked for, as `web1.yaml:12:5`. */
  readonly position: string;
  /** The roles that were written for it: rolesOfModel(). */
  readonly homes: readonly string[];
}

/**
 * Refuses a device model that its role was not written for. Throws PolicyError "model-not-in-role" when another role is its
 * home, and "model-unlisted" when none is.
 */
export function requireRoleOfModel(policy: Pick<ResolvedPolicy, "role" | "models" | "sources">, request: ModelRequest): void {
  const { model, position, homes } = request;
  if (policy.models.includes(model)) return;
  const tried = `${position}: cannot run the device model ${quoteValue(model)} in the role ${policy.role}`;
  const [home] = homes;
  if (home !== undefined) {
    const answer = `it belongs to the role ${homes.join(" or ")}`;
    throw new PolicyError({ code: "model-not-in-role", tried, subject: model, answer, remedy: `Say "role: ${home}".` });
  }
  throw new PolicyError({
    code: "model-unlisted",
    tried,
    subject: model,
    answer: `no role was written for it${suggestion(model, policy.models)}`,
    remedy: `Take a model that ${policy.sources[0] ?? policy.role} lists, or extend a role once its calls are measured.`,
  });
}
