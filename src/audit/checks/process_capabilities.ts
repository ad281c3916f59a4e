import type { LiveThread } from "../../observe/index.js";
import { capabilityNames, GRAVE_CAPABILITIES } from "../capabilities.js";
import type { Check, Observation } from "../check.js";
import type { Severity } from "../finding.js";
import { nameSome, unreadThreads } from "../judge_reading.js";

const SETS = ["effective", "permitted", "inheritable", "ambient", "bounding"] as const;

/** Names by set, over all threads: any of them may use what it has. */
function unite(threads: readonly LiveThread[]): Map<(typeof SETS)[number], string[]> {
  return new Map(
    SETS.map((set) => {
      const bits = threads.reduce((all, { capabilities }) => all | BigInt(`0x${capabilities[set] || "0"}`), 0n);
      return [set, capabilityNames(bits)];
    }),
  );
}

/** A bounding set alone grants nothing until an exec, and nothing at all with no_new_privs. */
function judgeSeverity(
  sets: ReadonlyMap<(typeof SETS)[number], readonly string[]>,
  rootIsRoot: boolean,
  threads: readonly LiveThread[],
): Severity {
  const usable = [...(sets.get("effective") ?? []), ...(sets.get("permitted") ?? [])];
  if (usable.some((name) => GRAVE_CAPABILITIES.has(name))) return rootIsRoot ? "high" : "medium";
  if (usable.length > 0) return "medium";
  return threads.every(({ noNewPrivs }) => noNewPrivs) ? "low" : "medium";
}

export const processCapabilities: Check<"process"> = {
  id: "process-capabilities",
  on: "process",
  title: "The process holds capabilities",
  severity: "medium",
  rationale:
    "A capability is a part of root's power, whatever the uid: CAP_SYS_ADMIN mounts, CAP_SYS_PTRACE reads every process, CAP_DAC_OVERRIDE every file. What is only in the bounding set comes back with an exec.",
  remedy:
    "Drop what is not needed from all five sets: setpriv --bounding-set -all --inh-caps -all COMMAND, or CapabilityBoundingSet= in its unit.",
  source: "capabilities(7); CapEff and the like of /proc/PID/task/TID/status, proc_pid_status(5)",
  needs: ["proc"],
  judge: (facts) => {
    const { subject, process } = facts;
    const sets = unite(process.threads.list);
    const held = [...sets].filter(([, names]) => names.length > 0);
    if (held.length === 0) return unreadThreads(facts);
    // In a user namespace where uid 0 is another, they count against that namespace alone.
    const rootIsRoot = !process.rootIsRoot.known || process.rootIsRoot.value;
    const words = held.map(([set, names]) => `${set}: ${nameSome(names)}`).join("; ");
    const observation: Observation = {
      subject,
      evidence: rootIsRoot ? words : `${words} (within its user namespace)`,
      severity: judgeSeverity(sets, rootIsRoot, process.threads.list),
    };
    return [observation, ...unreadThreads(facts)];
  },
};
