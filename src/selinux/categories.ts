/** Numbers of MCS categories, ascending, each once. */
export type Categories = readonly number[];

/** Runs of two stay apart (`c1,c2`), longer ones get a dot (`c1.c3`): mls_sid_to_context(), security/selinux/ss/mls.c. */
export function formatCategories(categories: Categories): string {
  const parts: string[] = [];
  for (let start = 0; start < categories.length; ) {
    let end = start;
    while (categories[end + 1] === (categories[end] ?? 0) + 1) end += 1;
    const [first, last] = [categories[start], categories[end]];
    if (end === start) parts.push(`c${first}`);
    else parts.push(`c${first}${end === start + 1 ? "," : "."}c${last}`);
    start = end + 1;
  }
  return parts.join(",");
}

/** `c1,c5.c7`, or nothing; null for anything else. */
export function parseCategories(text: string): Categories | null {
  if (text === "") return [];
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^c(\d{1,4})(?:\.c(\d{1,4}))?$/.exec(part);
    if (match === null) return null;
    const first = Number(match[1]);
    for (let category = first; category <= Number(match[2] ?? first); category += 1) found.add(category);
  }
  return sortCategories(found);
}

export function sortCategories(categories: Iterable<number>): Categories {
  return [...new Set(categories)].sort((a, b) => a - b);
}

/** Whether a process at `high` dominates an object at `low`: it has every category of it. */
export function dominates(high: Categories, low: Categories): boolean {
  return low.every((category) => high.includes(category));
}
