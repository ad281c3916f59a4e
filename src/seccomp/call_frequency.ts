import { SYSCALL_NUMBERS } from "./syscall_numbers.js";

/** How often a role was seen to make a call under load. */
export interface CallFrequency {
  readonly syscall: string;
  /** What argument checks see; missing ones are 0. */
  readonly args: readonly bigint[];
  /** Calls in some span that is the same for all calls of a role. */
  readonly count: number;
}

/** The syscall's number. Throws RangeError for a name that x86-64 does not have. */
export function numberOfCall({ syscall }: CallFrequency): number {
  const number = SYSCALL_NUMBERS.get(syscall);
  if (number === undefined) throw new RangeError(`no syscall ${syscall}`);
  return number;
}
