import type { ZodMiniType } from "zod/mini";
import type { Zod } from "./deferred_zod.js";
import { SIZE_PATTERN } from "./size.js";

/**
 * The terms that both schemas are written in. The error text of each term says what the value must be, as a noun phrase;
 * schema_check.ts puts the position, the key and the value before it.
 */

/** A mapping with these keys and no other. For an unknown key the error text is the list of known ones, one per line. */
export function mapping<const Shape extends Readonly<Record<string, ZodTerm>>>(z: Zod, shape: Shape) {
  const keys = Object.keys(shape);
  const error = (issue: { readonly code?: string }) =>
    issue.code === "unrecognized_keys" ? keys.join("\n") : `a mapping with the keys ${keys.join(", ")}`;
  return z.strictObject(shape, { error });
}
type ZodTerm = ZodMiniType;

export function text(z: Zod, pattern: RegExp, expectation: string) {
  return z.string(expectation).check(z.regex(pattern, expectation), z.describe(expectation));
}

export function choice<const Word extends string>(z: Zod, words: readonly Word[]) {
  return z.enum(words as readonly [Word, ...Word[]], `one of ${words.join(", ")}`);
}

export function flag(z: Zod) {
  const expectation = "true or false";
  return z.boolean(expectation).check(z.describe(expectation));
}

export interface WholeBounds {
  readonly min: number;
  readonly max: number;
}

export function whole(z: Zod, bounds: WholeBounds, unit?: string) {
  const expectation = `a whole number${unit === undefined ? "" : ` of ${unit}`} from ${bounds.min} to ${bounds.max}`;
  return z
    .int(expectation)
    .check(z.minimum(bounds.min, expectation), z.maximum(bounds.max, expectation), z.describe(expectation));
}

export function size(z: Zod) {
  const expectation = "a size: a positive whole number of bytes, or one with K, M or G (powers of 1024), such as 512M";
  const bytes = z.int(expectation).check(z.minimum(1, expectation));
  return z
    .union([bytes, z.string(expectation).check(z.regex(SIZE_PATTERN, expectation))], expectation)
    .check(z.describe(expectation));
}

/**
 * A path as the kernel takes it: commas, quotes and spaces included. Control characters are refused, for they could steer the
 * terminal of whoever reads a message. 4095 is PATH_MAX without its NUL: include/uapi/linux/limits.h.
 */
export function path(z: Zod) {
  return text(z, /^[^\p{Cc}]{1,4095}$/u, "a path of 1 to 4095 characters without control characters");
}

/** A name after every slash: such paths are compared with what the host file says and with what the loader prints. */
const PROGRAM_PATH = /^(?=.{1,4095}$)(\/(?!\.{1,2}(\/|$))[^/\p{Cc}]+)+$/u;

/** The one spelling of the path of a program. */
export function programPath(z: Zod, where = "") {
  return text(z, PROGRAM_PATH, `an absolute path of a program${where}, without . and .. and empty names in it`);
}

export function roleName(z: Zod) {
  return text(z, /^[a-z][a-z0-9-]{0,31}$/, "a role name: 1 to 32 of a-z, 0-9 and -, a letter first");
}
