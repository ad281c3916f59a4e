import type { Check, Observation, Undecided } from "../check.js";
import { at } from "../facts/selinux_facts.js";

export const selinuxMcsUnconstrained: Check<"selinux"> = {
  id: "selinux-mcs-unconstrained",
  on: "selinux",
  title: "Categories do not constrain a domain",
  severity: "high",
  rationale:
    "MCS constrains only types with the attribute mcs_constrained_type. Without it the categories of a process are decoration: it reaches the files and processes of every VM that its type reaches at all.",
  remedy: "(typeattributeset mcs_constrained_type (DOMAIN)), and semodule -i.",
  source: "refpolicy, policy/mcs: (h1 dom h2) or (t1 != mcs_constrained_type)",
  needs: ["selinux-policy"],
  judge: ({ subject, domains }) =>
    domains.flatMap(({ type, isConstrained, isLauncher, isPermissive, location }): (Observation | Undecided)[] => {
      const own = { subject: `${subject}: ${type}` };
      if (isConstrained === null)
        return isPermissive === true
          ? []
          : [{ ...own, unknown: "the policy allows it nothing of its own kind, by which it could be told" }];
      if (isConstrained) return [];
      if (!isLauncher) return [{ ...own, evidence: `${type} lacks the attribute mcs_constrained_type`, ...at(location) }];
      const evidence = `${type} lacks the attribute mcs_constrained_type; it starts domains with any categories, and has them all`;
      return [{ ...own, evidence, severity: "low", ...at(location) }];
    }),
};
