/** Most bytes that a monitor may send unasked in a second; events have some hundred bytes each. */
const BYTES_PER_SECOND_MAX = 4 * 1024 * 1024;
/** Most lines and reads of a second: each costs the launcher some 10 us, however short it is. */
const PIECES_PER_SECOND_MAX = 2000;
/** In how many seconds on end a monitor may reach a bound before it is not believed any more. */
const FLOODED_SECONDS_MAX = 2;
const SECOND_MS = 1000;

/** Words for a monitor that floods. */
export const FLOOD = `it sends more than ${BYTES_PER_SECOND_MAX} bytes or ${PIECES_PER_SECOND_MAX} lines a second, for ${
  FLOODED_SECONDS_MAX + 1
} seconds on end`;

/** How fast a monitor sends. What was asked for does not count: how much that is, is for whoever asks. */
export class MonitorRate {
  #sinceMs = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #pieces = 0;
  #reached = false;
  #floodedSeconds = 0;

  /** Counts a read, or a line of so many bytes, at a time in ms. */
  count(sizeBytes: number, nowMs: number): void {
    if (nowMs - this.#sinceMs >= SECOND_MS) this.#begin(nowMs);
    this.#bytes += sizeBytes;
    this.#pieces += 1;
    if (this.#reached || (this.#bytes < BYTES_PER_SECOND_MAX && this.#pieces < PIECES_PER_SECOND_MAX)) return;
    this.#reached = true;
    this.#floodedSeconds += 1;
  }

  /** For how long it is not read, in ms; 0 while it keeps within its bounds. */
  restMs(nowMs: number): number {
    return this.#reached ? Math.max(0, this.#sinceMs + SECOND_MS - nowMs) : 0;
  }

  get isFlood(): boolean {
    return this.#floodedSeconds > FLOODED_SECONDS_MAX;
  }

  #begin(nowMs: number): void {
    // A second that was quiet, or one without anything at all, ends a row.
    if (!this.#reached || nowMs - this.#sinceMs >= 2 * SECOND_MS) this.#floodedSeconds = 0;
    this.#sinceMs = nowMs;
    this.#bytes = 0;
    this.#pieces = 0;
    this.#reached = false;
  }
}
