import { LAYERS, type Layer } from "../../spec/index.js";
import type { Check } from "../check.js";

/** Layers that bound what a process uses up, not what it reaches. */
const ABOUT_RESOURCES: ReadonlySet<Layer> = new Set(["rlimits", "cgroup", "core-scheduling"]);

export const planLayerLacking: Check<"plan"> = {
  id: "plan-layer-lacking",
  on: "plan",
  title: "A launch on this host would lack a layer, and go on",
  severity: "medium",
  rationale:
    "A layer that the host cannot give is reported and left out, unless it is required: the same VM file gives less on this host than on another, and whoever reads it does not see that.",
  remedy: "`bulkhead doctor` says what to change on this host; `require: [LAYER]` ends the launch where it is missing.",
  source: "docs/vm-file.md, Layers",
  needs: ["plan"],
  judge: ({ subject, process, required, location }) =>
    LAYERS.flatMap((layer) => {
      const status = process.layers[layer];
      if (status.status === "enforced" || required.includes(layer)) return [];
      const lacks = status.status === "partial" ? `partial, without ${status.lacks.join(", ")}` : "unavailable";
      const severity = ABOUT_RESOURCES.has(layer) ? ("low" as const) : ("medium" as const);
      return [{ subject: `${subject}: ${layer}`, evidence: `${layer} is ${lacks}: ${status.why}`, severity, location }];
    }),
};
