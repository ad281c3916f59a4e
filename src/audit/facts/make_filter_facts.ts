import { BudgetExceeded, FilterAnalysis, type FilterSource } from "../../seccomp/index.js";
import type { Audited } from "../audited.js";
import type { Unknown } from "../finding.js";
import type { FilterFacts } from "./filter_facts.js";

export type FilterRequest = Omit<FilterFacts, "kind" | "analysis"> & { readonly source: FilterSource };

/** Facts of a filter, or why it could not be decided. Throws SeccompInputError "rules-conflict". */
export function makeFilterFacts({ source, ...rest }: FilterRequest): FilterFacts | Unknown {
  try {
    return { kind: "filter", ...rest, analysis: new FilterAnalysis(source) };
  } catch (error) {
    if (!(error instanceof BudgetExceeded)) throw error;
    return { id: null, subject: rest.subject, why: `what the filter answers cannot be decided: ${error.message}` };
  }
}

/** A filter that is audited by itself. */
export function auditFilter(request: FilterRequest): {
  readonly audited: readonly Audited[];
  readonly unknown: readonly Unknown[];
} {
  const facts = makeFilterFacts(request);
  if (!("kind" in facts)) return { audited: [], unknown: [facts] };
  return { audited: [{ subject: request.subject, facts: [facts], isUnfiltered: false }], unknown: [] };
}
