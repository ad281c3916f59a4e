import type { Picture } from "../../picture.js";
import { BOX_HEIGHT, BOX_WIDTH, type Box, type Line, layOut } from "./graph_layout.js";
import { html, type Markup } from "./markup.js";

/** The VMM's id; a lone process is a hub of its own. */
const HUB = "vmm";
/** Longest words that stand on a box, and on a line; the whole of it is in its title. */
const BOX_CHARACTERS = 24;
const LINE_CHARACTERS = 42;

/** The processes, and on each line what flows between them. */
export function drawGraph(picture: Picture): Markup {
  const { boxes, lines, width, height } = layOut(picture, HUB);
  return html`<div class="scroll"><svg role="img" aria-label="processes and what flows between them" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" xmlns="http://www.w3.org/2000/svg">
${lines.map(drawLine)}
${boxes.map(drawBox)}
</svg></div>`;
}

function drawBox({ id, kind, x, y }: Box): Markup {
  return html`<g class="node ${kind}"><title>${id}</title><rect x="${x}" y="${y}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="5"/><text x="${x + BOX_WIDTH / 2}" y="${y + BOX_HEIGHT / 2 + 4}" text-anchor="middle">${cut(id, BOX_CHARACTERS)}</text></g>
`;
}

/** From the side of one box to the nearest of the other; the words stand a third of the way from the device, where lines are apart. */
function drawLine({ from, to, label, isUndeclared }: Line): Markup {
  const [left, right] = from.x <= to.x ? [from, to] : [to, from];
  const [x1, x2] = left.x === right.x ? [left.x + BOX_WIDTH, right.x + BOX_WIDTH] : [left.x + BOX_WIDTH, right.x];
  const [y1, y2] = [left.y + BOX_HEIGHT / 2, right.y + BOX_HEIGHT / 2];
  // Words near the box of the column that has more boxes: there lines do not meet.
  const near = right.kind === "backend" || left.id === HUB ? 0.62 : 0.38;
  const [x, y] = [x1 + (x2 - x1) * near, y1 + (y2 - y1) * near - 3];
  const title = `${left.id} to ${right.id}: ${label}`;
  return html`<g class="edge${isUndeclared ? " undeclared" : ""}"><title>${title}</title><line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/><text x="${x}" y="${y}" text-anchor="middle">${cut(label, LINE_CHARACTERS)}</text></g>
`;
}

function cut(text: string, charactersMax: number): string {
  const characters = [...text];
  return characters.length > charactersMax ? `${characters.slice(0, charactersMax - 1).join("")}…` : text;
}
