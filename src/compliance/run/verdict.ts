import type { LayerStatuses } from "../../spec/index.js";
import type { Control, Refuser } from "../controls/control.js";
import type { Outcome } from "./outcome.js";

/** What a report holds of one control in one role: members are added, never renamed. */
export interface Verdict {
  readonly id: string;
  readonly role: string;
  /** `broken`: it could not be told. `unmet`: no layer that could refuse it is on this host. */
  readonly verdict: "passed" | "failed" | "unmet" | "broken";
  /** Which layer refused it, as the kernel said or as taking it away showed; null: none is known to have. */
  readonly layer: Refuser | null;
  readonly evidence: string;
}

/** Layers that refuse a control and that this host has in part at least; what is no layer of a process always counts. */
export function presentLayers(control: Control, statuses: LayerStatuses): readonly Refuser[] {
  return control.layers.filter(
    (layer) => !(layer in statuses) || statuses[layer as keyof LayerStatuses].status !== "unavailable",
  );
}

/** The verdict on a control that none of this host's layers can refuse. */
export function unmet(control: Control, role: string, statuses: LayerStatuses): Verdict {
  const reasons = control.layers.map((layer) => {
    const status = statuses[layer as keyof LayerStatuses];
    return `${layer}: ${status.status === "unavailable" ? status.why : status.status}`;
  });
  return { id: control.id, role, verdict: "unmet", layer: null, evidence: reasons.join("; ") };
}

/** `shown`: the layer without which alone the act succeeded, where somebody looked. */
export function judge(control: Control, role: string, { outcome, shown }: { outcome: Outcome; shown: Refuser | null }): Verdict {
  const { twinFault, attempt, workFault } = outcome;
  const say = (verdict: Verdict["verdict"], evidence: string, layer: Refuser | null = null): Verdict => {
    return { id: control.id, role, verdict, layer, evidence };
  };
  if (twinFault !== null) return say("failed", `what must succeed does not: ${control.twin.title}: ${twinFault}`);
  if (attempt === null) return say("broken", workFault ?? "the act was not tried");
  if (attempt.kind === "silent") return say("broken", attempt.evidence);
  if (attempt.kind === "succeeded") return say("failed", `the act succeeded: ${attempt.evidence}`);
  if (workFault !== null) return say("failed", `${attempt.evidence}; after that ${workFault}`, attempt.credited);
  const layer = attempt.credited ?? shown;
  if (layer === null)
    return say("failed", `${attempt.evidence}; neither the kernel nor taking a layer away shows which layer refused it`);
  if (!control.layers.includes(layer))
    return say("failed", `${attempt.evidence}; ${layer} refused it, and ${control.layers.join(" or ")} should have`, layer);
  const how = attempt.credited === null ? `; without ${layer} alone it succeeds` : "";
  return say("passed", `${attempt.evidence}${how}`, layer);
}
