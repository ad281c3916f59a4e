import type { Picture, ProcessPicture } from "../../picture.js";
import { html, type Markup } from "./markup.js";

/** For each two processes what both have: namespaces, and objects of the kernel. */
export function drawMatrix({ processes, edges }: Picture): Markup {
  const cell = (row: ProcessPicture, column: ProcessPicture): Markup => {
    if (row.id === column.id) return html`<td class="self"></td>`;
    const shared = sharedBy(row, column, edges);
    return shared.length === 0 ? html`<td class="nothing">nothing</td>` : html`<td class="shared">${shared.join("; ")}</td>`;
  };
  return html`<div class="scroll"><table class="matrix"><thead><tr><th></th>${processes.map(({ id }) => html`<th scope="col">${id}</th>`)}</tr></thead>
<tbody>${processes.map(
    (row) => html`<tr><th scope="row">${row.id}</th>${processes.map((column) => cell(row, column))}</tr>
`,
  )}</tbody></table></div>`;
}

function sharedBy(one: ProcessPicture, other: ProcessPicture, edges: Picture["edges"]): string[] {
  const both = edges.filter(({ holds }) => [one, other].every(({ id }) => holds.some(({ holder }) => holder === id)));
  const objects = [...new Set(both.map(({ purpose, kind }) => purpose ?? kind))];
  return [...namespacesOf(one, other), ...objects];
}

function namespacesOf(one: ProcessPicture, other: ProcessPicture): string[] {
  if (one.namespaces === null || other.namespaces === null) return ["namespaces unknown"];
  const theirs: Readonly<Record<string, string>> = other.namespaces;
  const kinds = Object.entries(one.namespaces).filter(([kind, name]) => theirs[kind] === name);
  return kinds.length === 0 ? [] : [`namespaces ${kinds.map(([kind]) => kind).join(", ")}`];
}
