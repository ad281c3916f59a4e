import { answerOf } from "../../kernel/index.js";

/** A fact, or why it could not be read. What could not be read is never taken as fine. */
export type Reading<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

export function known<T>(value: T): Reading<T> {
  return { known: true, value };
}

export function unknown(why: string): { readonly known: false; readonly why: string } {
  return { known: false, why };
}

/** The fact, or what the kernel answered instead: `open: EACCES`. */
export function attempt<T>(read: () => T): Reading<T> {
  try {
    return known(read());
  } catch (error) {
    return unknown(answerOf(error));
  }
}

/** Ends a reading that a process with many threads, fds or mappings would draw out. Time in ms of performance.now(). */
export class Patience {
  readonly #endMs: number;
  readonly limitMs: number;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
    this.#endMs = performance.now() + limitMs;
  }

  get isOver(): boolean {
    return performance.now() > this.#endMs;
  }
}
