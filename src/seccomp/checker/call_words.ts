/** The 32-bit words of a call that a filter can load, by their place in struct seccomp_data: word N is at byte 4 * N. */
export const WORD = { number: 0, arch: 1, pointerLow: 2, pointerHigh: 3, firstArgument: 4 } as const;
/** sizeof(struct seccomp_data) / 4. */
export const WORDS = 16;
export const WORD_BITS = 32;

/** The words of a 64-bit argument. x86-64 is little-endian: the low half comes first. */
export function argumentWords(index: number): { readonly low: number; readonly high: number } {
  const low = WORD.firstArgument + 2 * index;
  return { low, high: low + 1 };
}

/** The level of each bit: `levels[32 * word + bit]`, bit 0 the lowest. */
export type BitOrder = Uint16Array;

/**
 * Words that the order may place freely: what decides most comes first, so that arguments are looked at for the calls alone
 * whose answer they decide; and the high half of an argument before the low, so that 64-bit comparisons are read like digits.
 */
const PLACES = [WORD.arch, WORD.number, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, WORD.pointerHigh, WORD.pointerLow];

/**
 * Orders all bits, in each word the highest first. Words of one group are interleaved bit by bit: a program that compares two
 * words with each other needs few decisions that way, and 2^32 when one word is read to its end before the other.
 */
export function orderBits(groups: readonly (readonly number[])[]): BitOrder {
  const order = new Uint16Array(WORDS * WORD_BITS);
  const placed = new Set<number>();
  let level = 0;
  for (const word of PLACES) {
    if (placed.has(word)) continue;
    const group = groups.find((candidate) => candidate.includes(word)) ?? [word];
    for (let bit = WORD_BITS - 1; bit >= 0; bit -= 1) {
      for (const member of group) order[WORD_BITS * member + bit] = level++;
    }
    for (const member of group) placed.add(member);
  }
  return order;
}
