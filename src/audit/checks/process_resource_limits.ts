import { LIMITED_RESOURCES, type LimitedResource } from "../../observe/index.js";
import type { Check } from "../check.js";
import { whenKnown } from "../judge_reading.js";

/** rlimits bound one process, a cgroup all that it makes: these say what an rlimit does not replace. */
const HARM: Readonly<Record<LimitedResource, string>> = {
  memory: "memory until the host kills others",
  pids: "processes until nobody can make one",
  cpu: "all CPUs",
};

export const processResourceLimits: Check<"process"> = {
  id: "process-resource-limits",
  on: "process",
  title: "No cgroup limits what the process takes from others",
  severity: "low",
  rationale:
    "A process without limits above it takes what it likes from all others of the host: a guest that owns it stops its neighbours.",
  remedy:
    "Put it in a group with limits: MemoryMax=, TasksMax= and CPUQuota= of its unit, or memory.max, pids.max and cpu.max of its cgroup.",
  source: "Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/; /proc/PID/cgroup, cgroups(7)",
  needs: ["proc"],
  judge: (facts) =>
    whenKnown(facts.process.cgroups, facts, ({ limits }) => {
      const unlimited = LIMITED_RESOURCES.filter((resource) => {
        const limit = limits[resource];
        return limit.known && limit.value === null;
      });
      const undecided = LIMITED_RESOURCES.flatMap((resource) => {
        const limit = limits[resource];
        return limit.known ? [] : [{ subject: facts.subject, unknown: `its limit of ${resource}: ${limit.why}` }];
      });
      if (unlimited.length === 0) return undecided;
      const evidence = unlimited.map((resource) => `${resource}: no limit in any group above it (it can take ${HARM[resource]})`);
      return [{ subject: facts.subject, evidence: evidence.join("; ") }, ...undecided];
    }),
};
