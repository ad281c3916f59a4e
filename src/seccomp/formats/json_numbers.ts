/** JSON with whole numbers of any length in full: bigints become numbers, which JSON.stringify refuses to write. */
export function formatJson(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? `${MARK}${item}` : item), 2);
  return `${text.replace(MARKED, "$1")}\n`;
}

/** Stands in no string that is written here: JSON escapes the control character. */
const MARK = "\u0001";
const MARKED = /"\\u0001(\d+)"/g;
