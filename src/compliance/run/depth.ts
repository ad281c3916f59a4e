import type { Layer, LayerStatuses } from "../../spec/index.js";
import type { Control } from "../controls/control.js";
import { REMOVABLE_LAYERS } from "../hostile/layers_off.js";
import type { LayerDepth } from "../report/compliance_report.js";
import type { TryWithout } from "./layer_search.js";
import type { Attempt } from "./outcome.js";

/**
 * Measures for each of these acts which layers would refuse it alone: in a sandbox that has no other layer of those that can be taken
 * away; and what becomes of it in the whole sandbox without that one. One VM for each layer, and one for none.
 */
export async function measureDepth(
  controls: readonly Control[],
  { role, statuses, tryWithout }: { role: string; statuses: LayerStatuses; tryWithout: TryWithout },
): Promise<readonly LayerDepth[]> {
  if (controls.length === 0) return [];
  const layers = REMOVABLE_LAYERS.filter((layer) => statuses[layer].status !== "unavailable");
  const bare = await tryWithout(controls, layers);
  const alone = new Map<Layer, ReadonlyMap<string, Attempt>>();
  const without = new Map<Layer, ReadonlyMap<string, Attempt>>();
  for (const layer of layers) {
    const others = layers.filter((other) => other !== layer);
    alone.set(layer, await tryWithout(controls, others));
    without.set(layer, await tryWithout(controls, [layer]));
  }
  return controls.map(({ id }) => ({
    act: id,
    role,
    bare: wordAttempt(bare.get(id)),
    alone: layers.map((layer) => ({ layer, refuses: refusesAlone(layer, alone.get(layer)?.get(id), bare.get(id)) })),
    without: layers.map((layer) => ({ layer, refusedBy: refuserOf(without.get(layer)?.get(id)) })),
  }));
}

/** The kernel names it, or it makes the difference. */
function refusesAlone(layer: Layer, attempt: Attempt | undefined, bare: Attempt | undefined): boolean {
  if (attempt?.kind !== "refused" && attempt?.kind !== "died") return false;
  return attempt.credited === layer || !isRefused(bare);
}

function isRefused(attempt: Attempt | undefined): boolean {
  return attempt?.kind === "refused" || attempt?.kind === "died";
}

function refuserOf(attempt: Attempt | undefined): string | null {
  if (attempt === undefined || attempt.kind === "succeeded") return null;
  if (attempt.kind === "silent") return "nobody: no answer";
  return attempt.credited ?? `not named: ${attempt.evidence}`;
}

function wordAttempt(attempt: Attempt | undefined): string {
  return attempt === undefined ? "not tried" : attempt.evidence;
}
