/** What XML 1.0 (2.2) does not let stand in a document, escaped or not: control characters, lone surrogates, U+FFFE and U+FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is searched for.
const NO_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text as it may stand between tags and in quoted attributes of XML and HTML. What no document may hold becomes U+FFFD. */
export function escapeMarkup(text: string): string {
  return text.replace(NO_CHARACTER, "\ufffd").replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
