import type { LayerStatus, LayerStatuses } from "../../spec/index.js";
import type { Control, Refuser } from "../controls/control.js";
import type { ReportedControl } from "../report/compliance_report.js";
import type { Finding } from "./layer_search.js";
import type { Outcome } from "./outcome.js";

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
export function unmet(control: Control, role: string, statuses: LayerStatuses): ReportedControl {
  const reasons = control.layers.map((layer) => `${layer}: ${whyAbsent(control, statusOf(layer, statuses))}`);
  return report(control, role, { verdict: "unmet", layer: null, evidence: reasons });
}

/** The verdict on a control that had no end. */
export function broken(control: Control, role: string, why: string): ReportedControl {
  return report(control, role, { verdict: "broken", layer: null, evidence: [why] });
}

function report(
  { id, title, group }: Control,
  role: string,
  judged: Pick<ReportedControl, "verdict" | "layer" | "evidence">,
): ReportedControl {
  return { id, title, group, role, ...judged };
}

export function judge(control: Control, role: string, tried: { outcome: Outcome; finding: Finding | null }): ReportedControl {
  const { twinFault, attempt, workFault } = tried.outcome;
  const say = (verdict: ReportedControl["verdict"], evidence: readonly string[], layer: Refuser | null = null) =>
    report(control, role, { verdict, layer, evidence });
  if (twinFault !== null) return say("failed", [`what must succeed does not: ${control.twin.title}`, twinFault]);
  if (attempt === null) return say("broken", [workFault ?? "the act was not tried"]);
  if (attempt.kind === "silent") return say("broken", [attempt.evidence]);
  if (attempt.kind === "succeeded") return say("failed", ["the act succeeded", attempt.evidence]);
  if (workFault !== null) return say("failed", [attempt.evidence, `after that ${workFault}`], attempt.credited);
  const finding = attempt.credited === null ? tried.finding : { layer: attempt.credited, words: null };
  const evidence = [attempt.evidence, finding?.words ?? []].flat();
  if (finding === null) return say("failed", [...evidence, "nothing shows which layer refused it"]);
  if (finding.layer === "kernel") return say("unmet", evidence);
  if (finding.layer === null) return say("failed", evidence);
  const { layer } = finding;
  const went = [`its twin succeeded: ${control.twin.title}`, wordWork(attempt.kind)];
  if (control.layers.includes(layer)) return say("passed", [...evidence, ...went], layer);
  return say("failed", [...evidence, `${layer} refused it, and ${control.layers.join(" or ")} should have`], layer);
}

function wordWork(kind: "refused" | "died"): string {
  return kind === "refused" ? "registers, DMA and interrupts went on" : "the process beside it went on with its work";
}
