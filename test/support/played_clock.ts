interface PlayedTimer {
  readonly atMs: number;
  readonly run: () => void;
}

/**
 * Stands in for performance.now() and setTimeout(), so that a test of deadlines takes no time and no load makes it late. Only
 * what is called between install() and restore() sees it; timers set before go on in real time.
 */
export class PlayedClock {
  readonly #real = { now: performance.now, setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  readonly #timers = new Map<object, PlayedTimer>();
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  install(): void {
    performance.now = () => this.#nowMs;
    const setTimer = (run: () => void, delayMs = 0): object => {
      const handle = { unref: () => handle };
      this.#timers.set(handle, { atMs: this.#nowMs + delayMs, run });
      return handle;
    };
    globalThis.setTimeout = setTimer as typeof setTimeout;
    globalThis.clearTimeout = ((handle: NodeJS.Timeout | undefined) => {
      if (handle === undefined || !this.#timers.delete(handle)) this.#real.clearTimeout(handle);
    }) as typeof clearTimeout;
  }

  restore(): void {
    performance.now = this.#real.now;
    globalThis.setTimeout = this.#real.setTimeout;
    globalThis.clearTimeout = this.#real.clearTimeout;
  }

  /** Lets time pass: each timer that falls due runs at its moment, and what it resolves is settled before the next. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    for (let due = this.#next(endMs); due !== null; due = this.#next(endMs)) {
      const [handle, { atMs, run }] = due;
      this.#timers.delete(handle);
      this.#nowMs = atMs;
      run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): [object, PlayedTimer] | null {
    const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs);
    return due.sort(([, a], [, b]) => a.atMs - b.atMs)[0] ?? null;
  }
}
