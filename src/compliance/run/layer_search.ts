import type { Layer, LayerStatuses } from "../../spec/index.js";
import type { Control, Refuser } from "../controls/control.js";
import { REMOVABLE_LAYERS } from "../hostile/layers_off.js";
import type { Attempt } from "./outcome.js";

/** Which layer refused an act that the kernel told nobody about, and how that was found. */
export interface Finding {
  /** `kernel`: it refuses the act to everybody; null: no layer was found. */
  readonly layer: Refuser | "kernel" | null;
  readonly words: string | null;
}

const NOTHING_TO_REFUSE: Finding = {
  layer: "kernel",
  words: "it fails without any layer that can be taken away: there is nothing here to refuse",
};

/** Tries the act of each control in a VM whose processes start without these layers. */
export type TryWithout = (controls: readonly Control[], off: readonly Layer[]) => Promise<ReadonlyMap<string, Attempt>>;

/**
 * Finds for each control a layer that makes the difference: two launches that differ in this layer alone, and the act succeeds in the
 * one without it. First against the whole sandbox; where several layers refuse it, against one without the others.
 */
export async function searchLayers(
  controls: readonly Control[],
  statuses: LayerStatuses,
  tryWithout: TryWithout,
): Promise<ReadonlyMap<string, Finding>> {
  const all = removableHere(statuses);
  const found = new Map<string, Finding>();
  const candidates = new Map(controls.map(({ id, layers }) => [id, all.filter((layer) => layers.includes(layer))]));
  const open = () => controls.filter(({ id }) => !found.has(id));
  const note = (ids: readonly string[], finding: Finding): void => {
    for (const id of ids) found.set(id, finding);
  };
  for (const layer of all) {
    const concerned = open().filter(({ id }) => candidates.get(id)?.includes(layer) === true);
    note(await succeeding(concerned, [layer], tryWithout), { layer, words: `without ${layer} alone it succeeds` });
  }
  const possible = await succeeding(open(), all, tryWithout);
  const impossible = open().filter(({ id }) => !possible.includes(id));
  note(
    impossible.map(({ id }) => id),
    NOTHING_TO_REFUSE,
  );
  for (const control of open()) {
    const own = candidates.get(control.id) ?? [];
    found.set(control.id, await searchAlone(control, { own, all }, tryWithout));
  }
  return found;
}

/** Layers that this host has and that can be taken away. */
export function removableHere(statuses: LayerStatuses): readonly Layer[] {
  return REMOVABLE_LAYERS.filter((layer) => statuses[layer].status !== "unavailable");
}

/** For acts that were refused where only their own layers stood: whether they succeed without those as well. */
export async function searchBare(
  controls: readonly Control[],
  statuses: LayerStatuses,
  tryWithout: TryWithout,
): Promise<ReadonlyMap<string, Finding>> {
  const possible = await succeeding(controls, removableHere(statuses), tryWithout);
  return new Map(
    controls.map(({ id, layers }): [string, Finding] => {
      if (!possible.includes(id)) return [id, NOTHING_TO_REFUSE];
      const own = layers.join(" and ");
      return [id, { layer: layers[0] ?? null, words: `with ${own} alone it is refused, and without ${own} as well it succeeds` }];
    }),
  );
}

async function succeeding(controls: readonly Control[], off: readonly Layer[], tryWithout: TryWithout): Promise<string[]> {
  if (controls.length === 0) return [];
  const attempts = await tryWithout(controls, off);
  return [...attempts].flatMap(([id, { kind }]) => (kind === "succeeded" ? [id] : []));
}

interface SearchedLayers {
  readonly own: readonly Layer[];
  readonly all: readonly Layer[];
}

/** The first of its layers that refuses the act with no other there that can be taken away. */
async function searchAlone(control: Control, { own, all }: SearchedLayers, tryWithout: TryWithout): Promise<Finding> {
  for (const layer of own) {
    const others = all.filter((other) => other !== layer);
    const attempt = (await tryWithout([control], others)).get(control.id);
    if (attempt?.kind === "refused" || attempt?.kind === "died")
      return { layer, words: `without ${others.join(", ")} it is still refused, and without ${layer} as well it succeeds` };
  }
  return { layer: null, words: `it succeeds without ${all.join(", ")}, and none of its own layers alone refuses it` };
}
