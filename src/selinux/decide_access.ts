import type { CompiledPolicy, PolicyQuestion, RefusedBy } from "../kernel/index.js";
import { dominates } from "./categories.js";
import { formatContext, parseContext } from "./context.js";
import { domainOf } from "./vm_labels.js";

/**
 * Why an access is decided as it is. Refused: by no type rule, by a constraint (categories, roles, users), by a role, by the bounds
 * of a type. Allowed: within the source's categories, or although it lacks them, because the source's type lacks the
 * attribute that constrains it or because categories do not constrain the class.
 */
export type AccessReason =
  | "type-rule"
  | "constraint"
  | "role"
  | "bounds"
  | "granted"
  | "missing-attribute"
  | "unconstrained-class";

export interface AccessDecision {
  readonly decision: "allow" | "deny";
  readonly reason: AccessReason;
  /** One sentence for a person. */
  readonly explanation: string;
  readonly denied: readonly string[];
  /** All that refuses, where more than one does. */
  readonly refusedBy: readonly RefusedBy[];
}

const REFUSALS: Readonly<Record<RefusedBy, AccessReason>> = {
  typeRule: "type-rule",
  constraint: "constraint",
  role: "role",
  bounds: "bounds",
};

/** Asks a compiled policy. Throws SelinuxInputError for a context, class or permission that it does not know. */
export function decideAccess(policy: CompiledPolicy, question: PolicyQuestion): AccessDecision {
  const { denied, refusedBy, constraints } = policy.decide(question);
  const [first] = refusedBy;
  if (denied.length > 0) {
    const reason = first === undefined ? "type-rule" : REFUSALS[first];
    return { decision: "deny", reason, explanation: wordRefusal(question, refusedBy, constraints), denied, refusedBy };
  }
  return { decision: "allow", ...judgeGrant(policy, question), denied, refusedBy };
}

/** An access that is allowed without the target's categories is one that categories do not hold apart; why, is worth knowing. */
function judgeGrant(policy: CompiledPolicy, question: PolicyQuestion): { reason: AccessReason; explanation: string } {
  const [source, target] = [parseContext(question.source), parseContext(question.target)];
  if (dominates(source.high, target.low))
    return { reason: "granted", explanation: "a type rule allows it, and the source has every category of the target" };
  // A domain of which it is known that categories constrain it, in the source's place.
  const probe = formatContext({ ...source, type: domainOf("disk") });
  const isConstrained = policy.knows(probe) && policy.decide({ ...question, source: probe }).refusedBy.includes("constraint");
  if (isConstrained) {
    const explanation = `the type ${source.type} lacks the attribute mcs_constrained_type, so that categories do not hold it back`;
    return { reason: "missing-attribute", explanation };
  }
  return { reason: "unconstrained-class", explanation: `categories do not constrain this of the class ${question.objectClass}` };
}

function wordRefusal(question: PolicyQuestion, refusedBy: readonly RefusedBy[], constraints: string): string {
  const [source, target] = [parseContext(question.source), parseContext(question.target)];
  const words: Readonly<Record<RefusedBy, string>> = {
    typeRule: `no rule allows ${source.type} this of ${target.type}:${question.objectClass}`,
    constraint: constraints === "" ? "a constraint refuses it" : `a constraint refuses it: ${constraints.replace(/\s+/g, " ")}`,
    role: `the role ${source.role} may not become ${target.role}`,
    bounds: `the type that bounds ${source.type} may not do it`,
  };
  return refusedBy.map((one) => words[one]).join("; ");
}
