/** How often the event loop is asked to come round, in ms; a round that takes longer than twice that is a stall. */
const INTERVAL_MS = 5;
const US_PER_MS = 1000;

/** Measures for how long this process, where it is the launcher, came to nothing: a busy host, or work of its own. */
export class EventLoopStalls {
  #lastMs = performance.now();
  #lastCpu = process.cpuUsage();
  #longestBusyMs = 0;
  #totalMs = 0;
  readonly #timer = setInterval(() => this.#round(), INTERVAL_MS);

  /** Most CPU time that this process took between two rounds so far, in ms: what a busy host does to it does not count. */
  get longestBusyMs(): number {
    return this.#longestBusyMs;
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
    const { user, system } = process.cpuUsage(this.#lastCpu);
    this.#lastCpu = process.cpuUsage();
    this.#longestBusyMs = Math.max(this.#longestBusyMs, (user + system) / US_PER_MS);
    if (passedMs > 2 * INTERVAL_MS) this.#totalMs += passedMs - INTERVAL_MS;
    this.#lastMs = nowMs;
  }
}
