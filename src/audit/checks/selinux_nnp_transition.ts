import type { Check } from "../check.js";
import { at } from "../facts/selinux_facts.js";

export const selinuxNnpTransition: Check<"selinux"> = {
  id: "selinux-nnp-transition",
  on: "selinux",
  title: "A domain cannot be entered under no_new_privs",
  severity: "medium",
  rationale:
    "Under no_new_privs a transition also needs process2 nnp_transition. Without it the exec fails, or, where no context was asked for, the program silently stays in the domain of whoever started it.",
  remedy: "(allow LAUNCHER DOMAIN (process2 (nnp_transition))), with nosuid_transition where its root is mounted nosuid.",
  source: "check_nnp_nosuid() of security/selinux/hooks.c",
  needs: ["selinux-policy"],
  judge: ({ subject, transitions }) =>
    transitions
      .filter(({ underNoNewPrivs }) => !underNoNewPrivs)
      .map(({ from, to, location }) => ({
        subject: `${subject}: ${from} to ${to}`,
        evidence: `process transition is allowed, process2 nnp_transition is not`,
        ...at(location),
      })),
};
