import { SelinuxInputError } from "../errors/index.js";

/** Bits that one word of a bitmap holds: MAPSIZE of libsepol/include/sepol/policydb/ebitmap.h. */
const MAP_BITS = 64;
/** More entries than any table or bitmap has; a damaged count ends the reading instead of taking for ever. */
const ENTRIES_MAX = 1 << 20;

/** Reads a compiled policy from its beginning on: little-endian words, bitmaps, tables. Throws SelinuxInputError "policy-damaged". */
export class PolicyBytes {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  word(): number {
    const offset = this.#take(4);
    return this.#bytes.readUInt32LE(offset);
  }

  skip(length: number): void {
    this.#take(length);
  }

  text(length: number): string {
    const offset = this.#take(length);
    return this.#bytes.toString("utf8", offset, offset + length);
  }

  /** The bits that are set, counted from 0: ebitmap_read(). Values of symbols are bits here from version 23's map on. */
  bitmap(): number[] {
    this.skip(2 * 4);
    const set: number[] = [];
    for (let count = this.#count(); count > 0; count -= 1) {
      const start = this.word();
      const map = this.#bytes.readBigUInt64LE(this.#take(8));
      for (let bit = 0; bit < MAP_BITS; bit += 1) if (((map >> BigInt(bit)) & 1n) === 1n) set.push(start + bit);
    }
    return set;
  }

  /** A table of symbols: how many there are, then each. */
  table(readEntry: () => void): void {
    this.skip(4);
    for (let count = this.#count(); count > 0; count -= 1) readEntry();
  }

  #count(): number {
    const count = this.word();
    if (count > ENTRIES_MAX) throw damaged(`${count} entries at byte ${this.#offset}`);
    return count;
  }

  #take(length: number): number {
    const offset = this.#offset;
    if (offset + length > this.#bytes.length) throw damaged(`it ends at byte ${this.#bytes.length}`);
    this.#offset += length;
    return offset;
  }
}

function damaged(answer: string): SelinuxInputError {
  return new SelinuxInputError({
    code: "policy-damaged",
    tried: "Cannot read the symbols of a compiled policy",
    subject: "compiled policy",
    answer,
  });
}
