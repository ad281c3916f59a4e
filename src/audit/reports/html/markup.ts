import { escapeMarkup } from "../../../report/index.js";
import { printable } from "../../../text/index.js";

/** Text that is HTML already. Only `html` makes it, so that nothing that was read gets into a page unescaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Markup | string | number | null | readonly Content[];

/** Safe as content and in a quoted attribute: no markup, no control or direction character. */
export function escapeHtml(text: string): string {
  return escapeMarkup(printable(text));
}

function render(content: Content): string {
  if (content === null) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "string" || typeof content === "number") return escapeHtml(String(content));
  return content.map(render).join("");
}

/** A template whose values are escaped unless they are markup themselves. */
export function html(pieces: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(pieces.map((piece, index) => piece + render(values[index] ?? null)).join(""));
}
