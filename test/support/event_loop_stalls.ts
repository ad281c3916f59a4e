/** How often the event loop is asked to come round, in ms; a round that takes longer than twice that is a stall. */
const INTERVAL_MS = 5;

/** Measures for how long this process, where it is the launcher, came to nothing: a busy host, or work of its own. */
export class EventLoopStalls {
  #lastMs = performance.now();
  #longestMs = 0;
  #totalMs = 0;
  readonly #timer = setInterval(() => this.#round(), INTERVAL_MS);

  /** The longest time between two rounds so far, in ms. */
  get longestMs(): number {
    return this.#longestMs;
  }

  /** Ends the measuring; returns the sum of all stalls, in ms. */
  stop(): number {
    clearInterval(this.#timer);
    this.#round();
    return this.#totalMs;
  }

  #round(): void {
    const nowMs = performance.now();
    const passedMs = nowMs - this.#lastMs;
    this.#longestMs = Math.max(this.#longestMs, passedMs);
    if (passedMs > 2 * INTERVAL_MS) this.#totalMs += passedMs - INTERVAL_MS;
    this.#lastMs = nowMs;
  }
}
