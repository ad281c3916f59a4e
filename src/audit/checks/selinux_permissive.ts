import type { Check, Observation, Undecided } from "../check.js";
import { at } from "../facts/selinux_facts.js";

export const selinuxPermissive: Check<"selinux"> = {
  id: "selinux-permissive",
  on: "selinux",
  title: "A domain is permissive",
  severity: "critical",
  rationale: "What a permissive domain is refused is written to the log and let through: for it there is no policy.",
  remedy: "semanage permissive -d DOMAIN, or remove (typepermissive DOMAIN).",
  source: "semanage-permissive(8); avc_denied() of security/selinux/avc.c",
  needs: ["selinux-policy"],
  judge: ({ subject, domains }) =>
    domains.flatMap(({ type, isPermissive, location }): (Observation | Undecided)[] => {
      const own = { subject: `${subject}: ${type}` };
      if (isPermissive === null) return [{ ...own, unknown: "the policy is older than permissive types (version 23)" }];
      return isPermissive ? [{ ...own, evidence: `${type} is marked permissive`, ...at(location) }] : [];
    }),
};
