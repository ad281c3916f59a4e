import { SeccompInputError } from "../../errors/index.js";
import { SYSCALL_NUMBERS } from "../../seccomp/index.js";
import { suggestFrom } from "../../text/index.js";

const NUMBER = /^-?(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})$/;
const ARGUMENTS_MAX = 6;
/** Names offered for a misspelled one come from the whole table, so without a near one there is nothing to list. */
const NO_LIST = /^; known here/;

/** A syscall by name or number of 32 bits. Throws SeccompInputError "call-invalid". */
export function parseSyscall(word: string): number {
  const number = SYSCALL_NUMBERS.get(word);
  if (number !== undefined) return number;
  if (NUMBER.test(word)) return Number(BigInt.asUintN(32, parseBits(word, 32)));
  const hint = suggestFrom(word, [...SYSCALL_NUMBERS.keys()]);
  throw invalidCall(word, `no syscall of x86-64 has this name${NO_LIST.test(hint) ? "" : hint}`);
}

/** Up to six arguments: decimal, hexadecimal, or negative, of 64 bits. Throws SeccompInputError "call-invalid". */
export function parseArguments(words: readonly string[]): bigint[] {
  if (words.length > ARGUMENTS_MAX) throw invalidCall(String(words.length), `a call has at most ${ARGUMENTS_MAX} arguments`);
  return words.map((word) => parseBits(word, 64));
}

/** A number in two's complement. Throws SeccompInputError "call-invalid". */
export function parseBits(word: string, bits: 32 | 64): bigint {
  if (!NUMBER.test(word)) throw invalidCall(word, "not a number; write it in decimal or as 0x...");
  const value = word.startsWith("-") ? -BigInt(word.slice(1)) : BigInt(word);
  if (value >= 1n << BigInt(bits) || value < -(1n << BigInt(bits - 1))) throw invalidCall(word, `it does not fit ${bits} bits`);
  return BigInt.asUintN(bits, value);
}

function invalidCall(word: string, answer: string): SeccompInputError {
  return new SeccompInputError({ code: "call-invalid", tried: `Cannot take ${JSON.stringify(word)}`, subject: word, answer });
}
