import type { LayerStatus, LayerStatuses } from "../../spec/index.js";
import type { Control, Refuser } from "../controls/control.js";
import type { Finding } from "./layer_search.js";
import type { Outcome } from "./outcome.js";

/** What a report holds of one control in one role: members are added, never renamed. */
export interface Verdict {
  readonly id: string;
  readonly role: string;
  /** `broken`: it could not be told. `unmet`: this host lacks what could refuse it, or what is to be refused. */
  readonly verdict: "passed" | "failed" | "unmet" | "broken";
  /** Which layer refused it, as the kernel said or as taking it away showed; null: none is known to have. */
  readonly layer: Refuser | null;
  readonly evidence: string;
}

/** Layers that refuse a control and that this host has, with the parts that it needs. What is no layer of a process always counts. */
export function presentLayers(control: Control, statuses: LayerStatuses): readonly Refuser[] {
  return control.layers.filter((layer) => whyAbsent(control, statusOf(layer, statuses)) === null);
}

function statusOf(layer: Refuser, statuses: LayerStatuses): LayerStatus {
  return layer in statuses ? statuses[layer as keyof LayerStatuses] : { status: "enforced" };
}

function whyAbsent({ needs }: Control, status: LayerStatus): string | null {
  if (status.status === "unavailable") return status.why;
  if (status.status === "partial" && status.lacks.some((part) => needs.includes(part))) return status.why;
  return null;
}

/** The verdict on a control that none of this host's layers can refuse. */
export function unmet(control: Control, role: string, statuses: LayerStatuses): Verdict {
  const reasons = control.layers.map((layer) => `${layer}: ${whyAbsent(control, statusOf(layer, statuses))}`);
  return { id: control.id, role, verdict: "unmet", layer: null, evidence: reasons.join("; ") };
}

export function judge(control: Control, role: string, tried: { outcome: Outcome; finding: Finding | null }): Verdict {
  const { twinFault, attempt, workFault } = tried.outcome;
  const say = (verdict: Verdict["verdict"], evidence: string, layer: Refuser | null = null): Verdict => {
    return { id: control.id, role, verdict, layer, evidence };
  };
  if (twinFault !== null) return say("failed", `what must succeed does not: ${control.twin.title}: ${twinFault}`);
  if (attempt === null) return say("broken", workFault ?? "the act was not tried");
  if (attempt.kind === "silent") return say("broken", attempt.evidence);
  if (attempt.kind === "succeeded") return say("failed", `the act succeeded: ${attempt.evidence}`);
  if (workFault !== null) return say("failed", `${attempt.evidence}; after that ${workFault}`, attempt.credited);
  const finding = attempt.credited === null ? tried.finding : { layer: attempt.credited, words: null };
  const evidence = [attempt.evidence, finding?.words ?? []].flat().join("; ");
  if (finding === null) return say("failed", `${evidence}; nothing shows which layer refused it`);
  if (finding.layer === "kernel") return say("unmet", evidence);
  if (finding.layer === null) return say("failed", evidence);
  const { layer } = finding;
  if (control.layers.includes(layer)) return say("passed", evidence, layer);
  return say("failed", `${evidence}; ${layer} refused it, and ${control.layers.join(" or ")} should have`, layer);
}
