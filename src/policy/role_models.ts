import { PolicyError } from "../errors/index.js";
import { quoteValue } from "../text/index.js";
import { suggestion } from "./entry_reader.js";
import type { ResolvedPolicy } from "./resolved_policy.js";

/**
 * Refuses a device model that its role was not written for. `position` is where it is asked for, as `web1.yaml:12:5`.
 * Throws PolicyError "model-not-in-role".
 */
export function requireRoleOfModel(
  policy: Pick<ResolvedPolicy, "role" | "models" | "sources">,
  model: string,
  position?: string,
): void {
  if (policy.models.includes(model)) return;
  const attempt = position === undefined ? "Cannot" : `${position}: cannot`;
  throw new PolicyError({
    code: "model-not-in-role",
    tried: `${attempt} run the device model ${quoteValue(model)} in the role ${policy.role}`,
    subject: model,
    answer: `the role was written for other models${suggestion(model, policy.models)}`,
    remedy: `Take a role whose "models" list it, or extend ${policy.sources[0] ?? policy.role} once its calls are measured.`,
  });
}
