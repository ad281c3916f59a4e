const COLUMNS_MAX = 130;

/** JSON for reviewers: what fits stands on one line. As Biome formats it, so that a golden that is written here passes the lint. */
export function formatGolden(value: unknown): string {
  return `${formatValue(value, { indent: "", before: 0, after: 0 })}\n`;
}

interface Place {
  readonly indent: string;
  /** Columns that stand before the value on its line, and after it. */
  readonly before: number;
  readonly after: number;
}

function formatValue(value: unknown, place: Place): string {
  const line = onOneLine(value);
  if (line.length + place.before + place.after <= COLUMNS_MAX) return line;
  if (typeof value !== "object" || value === null) return line;
  const indent = `${place.indent}  `;
  const isList = Array.isArray(value);
  const entries = isList ? value.map((item): [string, unknown] => ["", item]) : Object.entries(value);
  const lines = entries.map(([name, item], index) => {
    const start = isList ? indent : `${indent}${JSON.stringify(name)}: `;
    const end = index === entries.length - 1 ? "" : ",";
    return start + formatValue(item, { indent, before: start.length, after: end.length }) + end;
  });
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  return [open, ...lines, `${place.indent}${close}`].join("\n");
}

function onOneLine(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(", ")}]`;
  const members = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${onOneLine(item)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}
