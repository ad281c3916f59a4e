import type { Check } from "../check.js";
import { whenKnown } from "../judge_reading.js";

/** SELinux's, and AppArmor's word for no profile. */
const UNCONFINED = /(^|:)unconfined(_t)?(:|$| |\n)/;

export const processUnlabelled: Check<"process"> = {
  id: "process-unlabelled",
  on: "process",
  title: "No mandatory access control confines the process",
  severity: "low",
  rationale:
    "A label of SELinux or AppArmor refuses what uid and mode bits would allow, whatever bug gave the process another uid. Without one, everything that its uid may open is open.",
  remedy:
    "Run it in a domain of its own: bulkhead selinux install on a host with SELinux; a profile in /etc/apparmor.d with AppArmor.",
  source: "/proc/PID/attr/current, proc_pid_attr(5); apparmor(7)",
  needs: ["proc"],
  judge: ({ subject, process, host }) =>
    whenKnown(process.label, { subject }, (label) => {
      if (label !== null && !UNCONFINED.test(label)) return [];
      const modules = host.securityModules.known ? host.securityModules.value.join(", ") : "unknown";
      return [
        { subject, evidence: label === null ? `it has no label; active security modules: ${modules}` : `its label is ${label}` },
      ];
    }),
};
