import type { ObservedActivity } from "../observe/index.js";

/** How a process shows that it makes no progress. */
export type HangSign = "monitor" | "channel";

/** What is known of one process at one moment. */
export interface ProgressReading {
  readonly nowMs: number;
  /** Answers that its monitor has given so far; null for a process without one. */
  readonly answers: number | null;
  /** Bytes that wait unread in its channel; null for a process without one. */
  readonly unreadBytes: number | null;
  /** null when it was not read: all time counts. */
  readonly activity: ObservedActivity | null;
}

const NS_PER_MS = 1e6;

/**
 * For how long one process has made no progress, in its own time: while a thread of it wants to run, only the CPU time that
 * the process gets counts, so that a host under load makes no process look hung. A stopped, sleeping or spinning one has no
 * such excuse.
 */
export class ProgressClock {
  /** Longest time between two readings that counts, in ms: a launcher that was itself held up knows nothing of the rest. */
  readonly #stepMaxMs: number;
  #last: ProgressReading;
  readonly #silentMs: Record<HangSign, number> = { monitor: 0, channel: 0 };

  constructor(first: ProgressReading, stepMaxMs: number) {
    this.#last = first;
    this.#stepMaxMs = stepMaxMs;
  }

  /** The sign that has lasted longest, and for how long, in ms. */
  get silence(): { readonly sign: HangSign; readonly silentMs: number } {
    const sign = this.#silentMs.channel > this.#silentMs.monitor ? "channel" : "monitor";
    return { sign, silentMs: this.#silentMs[sign] };
  }

  take(reading: ProgressReading): void {
    const stepMs = this.#ownTime(reading);
    const answered = reading.answers === null || reading.answers !== this.#last.answers;
    this.#silentMs.monitor = answered ? 0 : this.#silentMs.monitor + stepMs;
    // More than before is the VMM's doing. As much may be another message; of many readings one then finds none.
    const { unreadBytes } = reading;
    const moved = unreadBytes === null || unreadBytes === 0 || unreadBytes < (this.#last.unreadBytes ?? 0);
    this.#silentMs.channel = moved ? 0 : this.#silentMs.channel + stepMs;
    this.#last = reading;
  }

  /** Starts anew: the process could not have done better until now. */
  forgive(): void {
    this.#silentMs.monitor = 0;
    this.#silentMs.channel = 0;
  }

  #ownTime({ nowMs, activity }: ProgressReading): number {
    const stepMs = Math.min(nowMs - this.#last.nowMs, this.#stepMaxMs);
    if (activity?.runnable !== true || activity.cpuNs === null) return stepMs;
    const before = this.#last.activity?.cpuNs;
    // Without an earlier figure nothing tells how much of the time it ran; the next reading does.
    if (before === undefined || before === null) return 0;
    return Math.min(stepMs, (activity.cpuNs - before) / NS_PER_MS);
  }
}
