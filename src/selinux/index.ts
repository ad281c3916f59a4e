export { CompiledPolicy, type PolicyQuestion, type RefusedBy } from "../kernel/index.js";
export { type Categories, dominates, formatCategories, parseCategories } from "./categories.js";
export { levelsOf, readLevelsInUse } from "./categories_in_use.js";
export { type CheckResult, type PolicyCheck, readChecks, runChecks } from "./checks.js";
export { type CilAllow, type CilModule, readCilModule } from "./cil/cil_module.js";
export { type Context, formatContext, parseContext } from "./context.js";
export { type AccessDecision, type AccessReason, decideAccess } from "./decide_access.js";
export { type CategoryPair, type CategoryRange, drawPair, drawProcessCategory } from "./draw_categories.js";
export { readLabel, requireLabel, writeLabel } from "./file_label.js";
export { computeMatrix, heldBy, type MatrixCell, type MatrixProcess } from "./matrix.js";
export { readPermissiveTypes } from "./permissive_types.js";
export {
  domainOf,
  labelProcess,
  type ProcessLabels,
  type ProcessPlace,
  relabel,
  SHARED_IMAGE_TYPE,
  type SupervisorPlace,
  supervisorContext,
} from "./vm_labels.js";
