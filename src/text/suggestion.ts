/** Longest candidate that is compared; longer input is never a misspelling of a key. */
const COMPARED_LENGTH_MAX = 64;

/** The candidate that `word` most likely misspells, or undefined. Case is ignored; up to a third of the letters may differ. */
export function closestCandidate(word: string, candidates: readonly string[]): string | undefined {
  if (word.length === 0 || word.length > COMPARED_LENGTH_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean "memory"?` or, without a near candidate, the whole list. */
export function suggestFrom(word: string, candidates: readonly string[]): string {
  const closest = closestCandidate(word, candidates);
  if (closest !== undefined) return `; did you mean "${closest}"?`;
  return candidates.length === 0 ? "" : `; known here: ${candidates.join(", ")}`;
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each count one. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (previous[column - 1] ?? 0) + cost);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) least = Math.min(least, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
