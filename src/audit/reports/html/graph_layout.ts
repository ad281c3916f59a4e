import type { Picture } from "../../picture.js";

/** A box of the drawing. */
export interface Box {
  readonly id: string;
  readonly kind: "process" | "outside" | "backend";
  readonly x: number;
  readonly y: number;
}

/** What flows between two boxes, all of it in one line. */
export interface Line {
  readonly from: Box;
  readonly to: Box;
  readonly label: string;
  readonly isUndeclared: boolean;
}

export interface Layout {
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

export const BOX_WIDTH = 170;
export const BOX_HEIGHT = 30;
const ROW = 46;
const COLUMN = 400;
const MARGIN = 10;

interface Flow {
  readonly from: string;
  readonly to: string;
  readonly what: string;
  readonly isUndeclared: boolean;
}

/**
 * Three columns: what serves the VM and what is outside of it, its hub, its devices; and what only one process has, its image or
 * tap, to the right of all. `hub`: the process that the others are wired to; the first where there is no such one.
 */
export function layOut(picture: Picture, hub: string): Layout {
  const flows = flowsOf(picture, hub);
  const ids = picture.processes.map(({ id }) => id);
  const servants: readonly string[] = ids.filter((id) => id === "launcher" || id === "keeper");
  const devices = ids.filter((id) => id !== hub && !servants.includes(id));
  const named = new Set(ids);
  const ends = [...new Set(flows.flatMap(({ from, to }) => [from, to]))].filter((id) => !named.has(id));
  const backends = ends.filter((id) => flows.some((flow) => flow.to === id));
  const outside = ends.filter((id) => !backends.includes(id));
  const rows = Math.max(servants.length + outside.length, devices.length, backends.length, 1);
  const height = 2 * MARGIN + rows * ROW;
  const boxes = [
    ...column([...servants, ...outside], 0, height, (id) => (named.has(id) ? "process" : "outside")),
    ...column(ids.includes(hub) ? [hub] : [], 1, height, () => "process"),
    ...column(devices, 2, height, () => "process"),
    ...column(backends, 3, height, () => "backend"),
  ];
  const width = 2 * MARGIN + COLUMN * (backends.length > 0 ? 3 : 2) + BOX_WIDTH;
  return { boxes, lines: joinFlows(flows, new Map(boxes.map((box) => [box.id, box]))), width, height };
}

function column(ids: readonly string[], place: number, height: number, kindOf: (id: string) => Box["kind"]): Box[] {
  const space = (height - 2 * MARGIN) / Math.max(ids.length, 1);
  return ids.map((id, row) => {
    const y = MARGIN + row * space + (space - BOX_HEIGHT) / 2;
    return { id, kind: kindOf(id), x: MARGIN + place * COLUMN, y };
  });
}

/** Each object between its hub and every other holder; one that a single process has, between that and the object itself. */
function flowsOf({ edges }: Picture, hub: string): Flow[] {
  return edges.flatMap(({ kind, object, purpose, holds, undeclared }) => {
    const holders = [...new Set(holds.map(({ holder }) => holder))];
    const what = purpose ?? kind;
    const [first] = holders;
    if (first === undefined) return [];
    if (holders.length === 1) return [{ from: first, to: purpose ?? object, what: kind, isUndeclared: undeclared.length > 0 }];
    const centre = holders.includes(hub) ? hub : first;
    const others = holders.filter((holder) => holder !== centre);
    return others.map((other) => {
      const isUndeclared = undeclared.includes(other) || undeclared.includes(centre);
      return { from: other, to: centre, what, isUndeclared };
    });
  });
}

/** All that flows between the same two boxes on one line: `channel, guest memory, 2 interrupt or doorbell`. */
function joinFlows(flows: readonly Flow[], boxes: ReadonlyMap<string, Box>): Line[] {
  const groups = new Map<string, Flow[]>();
  for (const flow of flows) {
    const key = JSON.stringify([flow.isUndeclared, ...[flow.from, flow.to].sort()]);
    groups.set(key, [...(groups.get(key) ?? []), flow]);
  }
  return [...groups.values()].flatMap((group): Line[] => {
    const [{ from, to, isUndeclared }] = group as [Flow];
    const [start, end] = [boxes.get(from), boxes.get(to)];
    if (start === undefined || end === undefined) return [];
    const counts = new Map<string, number>();
    for (const { what } of group) counts.set(what, (counts.get(what) ?? 0) + 1);
    const words = [...counts].map(([what, count]) => (count === 1 ? what : `${count} ${what}`));
    return [{ from: start, to: end, label: `${isUndeclared ? "undeclared: " : ""}${words.join(", ")}`, isUndeclared }];
  });
}
