/** True when one of the patterns matches the whole name: `*` stands for any characters, `?` for one. */
export function tapIsPermitted(tap: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matches(tap, pattern));
}

/** Goes back only to the last `*`, so that the cost is at most the product of the lengths. */
function matches(name: string, pattern: string): boolean {
  let position = 0;
  let star = -1;
  let resumeAt = 0;
  let next = 0;
  while (position < name.length) {
    if (pattern[next] === "*") {
      star = next++;
      resumeAt = position;
    } else if (pattern[next] === "?" || pattern[next] === name[position]) {
      next++;
      position++;
    } else if (star >= 0) {
      next = star + 1;
      position = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[next] === "*") next++;
  return next === pattern.length;
}
