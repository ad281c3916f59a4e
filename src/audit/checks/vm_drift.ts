import type { Layer } from "../../spec/index.js";
import type { Check, CheckDescription, Observation, Undecided } from "../check.js";
import type { VmFacts } from "../facts/vm_facts.js";

/** What one check of drift says of its layers. */
interface DriftText extends Pick<CheckDescription, "id" | "title" | "severity" | "rationale"> {
  readonly layers: readonly Layer[];
}

/** A check that tells where a VM is not what its plan says, of some layers. */
export function driftCheck({ layers, ...text }: DriftText): Check<"vm"> {
  return {
    ...text,
    on: "vm",
    remedy:
      "Treat the process as taken over unless somebody knows why: bulkhead inspect VM shows all of it, bulkhead stop VM ends it.",
    source: "the plan on record, held against /proc and the kernel as a launch does before its guest runs: bulkhead inspect",
    needs: ["vm", "proc", "ptrace"],
    judge: (facts) => judgeDrift(facts, new Set(layers)),
  };
}

function judgeDrift({ subject, differences, unread }: VmFacts, layers: ReadonlySet<Layer>): (Observation | Undecided)[] {
  if (differences === null) return [{ subject, unknown: unread ?? "its processes could not be held against their plan" }];
  const own = differences.filter(({ layer }) => layers.has(layer));
  return own.map(({ process, pid, layer, planned, observed }) => {
    const where = pid === 0 ? subject : `${process} of ${subject}, process ${pid}`;
    return { subject: `${where}: ${layer}`, evidence: `planned ${planned}, observed ${observed}` };
  });
}
