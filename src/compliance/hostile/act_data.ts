import type { ActArgument } from "../controls/control.js";

/** The data page: native/hostile_device/acts.h. */
export const DATA_PAGE_BYTES = 4096;

const WORD_BYTES = 8;

/** Lays out what the arguments of one step point to, and turns each argument into a number. */
export class ActData {
  readonly #page = Buffer.alloc(DATA_PAGE_BYTES);
  readonly #address: bigint;
  readonly #names: ReadonlyMap<string, bigint>;
  #used: number;

  /** `address`: of the data page in the process. `usedBytes`: what earlier steps put there stays. */
  constructor(address: bigint, names: ReadonlyMap<string, bigint>, usedBytes: number) {
    this.#address = address;
    this.#names = names;
    this.#used = usedBytes;
  }

  /** The part of the page that this step filled, and its offset. */
  filled(from: number): Buffer {
    return this.#page.subarray(from, this.#used);
  }

  get usedBytes(): number {
    return this.#used;
  }

  /** The number that the process passes. Throws RangeError when the page is full. */
  valueOf(argument: ActArgument): bigint {
    if (typeof argument === "bigint") return BigInt.asUintN(64, argument);
    if (typeof argument !== "string") return this.#putWords(argument);
    if (argument.startsWith("$")) return this.#named(argument.slice(1));
    const [kind = "", rest = ""] = [argument.slice(0, argument.indexOf(":")), argument.slice(argument.indexOf(":") + 1)];
    if (kind === "text") return this.#put(Buffer.from(`${rest}\0`));
    return this.#put(kind === "hex" ? Buffer.from(rest, "hex") : Buffer.alloc(Number(rest)));
  }

  #named(text: string): bigint {
    const [name = "", offset = "0"] = text.split("+");
    const value = this.#names.get(name);
    if (value === undefined) throw new RangeError(`this process has no ${name}`);
    return BigInt.asUintN(64, value + BigInt(offset));
  }

  #putWords(words: readonly ActArgument[]): bigint {
    const bytes = Buffer.alloc(words.length * WORD_BYTES);
    // What they point to first: a pointer is known when its bytes have a place.
    for (const [index, word] of words.entries()) bytes.writeBigUInt64LE(this.valueOf(word), index * WORD_BYTES);
    return this.#put(bytes);
  }

  #put(bytes: Buffer): bigint {
    const place = this.#used;
    if (place + bytes.length > DATA_PAGE_BYTES) throw new RangeError("what the step points to is more than a page");
    bytes.copy(this.#page, place);
    this.#used = Math.ceil((place + bytes.length) / WORD_BYTES) * WORD_BYTES;
    return this.#address + BigInt(place);
  }
}
