export { type FrequencyRequest, loadCallFrequencies } from "./call_frequencies.js";
export { loadPolicyText, type NamedPolicy, type PolicyTextRequest } from "./load_policy_text.js";
export { listRoles, loadRolePolicy, type RoleRequest } from "./load_role_policy.js";
export {
  type Grant,
  NODE_NAMES,
  type NodeAccess,
  type NodeName,
  type ResolvedPolicy,
  type RoleLimits,
  SELF_MADE_KINDS,
  type SelfMadeKind,
} from "./resolved_policy.js";
export { type ModelRequest, requireRoleOfModel, rolesOfModel } from "./role_models.js";
