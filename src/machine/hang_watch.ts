import { closeSync } from "node:fs";
import { addon } from "../kernel/index.js";
import { type ObservedActivity, observeActivity } from "../observe/index.js";
import { VMM_ID } from "../spec/index.js";
import { type HangSign, ProgressClock } from "./progress_clock.js";
import type { QmpClient } from "./qmp_client.js";

/** A process that made no progress for its deadline. */
export interface Hang {
  readonly process: string;
  readonly silentMs: number;
  /** One sentence's worth for a person: `disk0 left 40 bytes of its channel unread`. */
  readonly detail: string;
}

export interface WatchedProcess {
  readonly id: string;
  readonly pid: number;
  /** null for a program that is no QEMU: it shows by its channel alone that it lives. */
  readonly monitor: Pick<QmpClient, "execute"> | null;
  /** Inode of its own end of the channel to the VMM; null for the VMM. */
  readonly channelInode: number | null;
}

/** Readings per deadline of processes that seem well, and of one that does not: it has that many chances to show that it is. */
const READINGS = 20;
const CLOSE_READINGS = 200;
/** Questions to a monitor per deadline: three quarters of the deadline are left to answer one. */
const QUESTIONS = 4;
/** How long an answer is waited for, in deadlines: a late one is still a sign of life, and more than one question is never open. */
const PATIENCE = 4;

interface Watched {
  readonly process: WatchedProcess;
  readonly clock: ProgressClock;
  answers: number | null;
  /** A question is open. */
  asking: boolean;
}

/**
 * Notices a process that is alive and does nothing: unread bytes in its end of the channel, read by sock_diag so that the
 * launcher holds no channel itself, or no answer on its monitor. Says so once, within the deadline.
 */
export class HangWatch {
  readonly #deadlineMs: number;
  readonly #onHang: (hang: Hang) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #diag: number;
  #timer: NodeJS.Timeout;
  #lastQuestionMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: { readonly deadlineMs: number; readonly onHang: (hang: Hang) => void }) {
    this.#deadlineMs = options.deadlineMs;
    this.#onHang = options.onHang;
    this.#diag = addon.openSocketDiag();
    this.#timer = this.#schedule(0);
  }

  add(process: WatchedProcess): void {
    const answers = process.monitor === null ? null : 0;
    const first = { nowMs: performance.now(), answers, unreadBytes: null, activity: null };
    const clock = new ProgressClock(first, 2 * this.#stepMs);
    this.#watched.set(process.id, { process, clock, answers, asking: false });
  }

  remove(id: string): void {
    this.#watched.delete(id);
  }

  /** For good: a VM that ends, or that an operator looks at, hangs by intention. A second call does nothing. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    closeSync(this.#diag);
  }

  get #stepMs(): number {
    return this.#deadlineMs / READINGS;
  }

  #schedule(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#read(), delayMs).unref();
  }

  #read(): void {
    // Devices first: while one of them holds a virtual CPU, the VMM's monitor may be unable to answer.
    const order = [...this.#watched.values()].sort((a, b) => Number(a.process.id === VMM_ID) - Number(b.process.id === VMM_ID));
    let suspects = 0;
    let blocked = false;
    for (const watched of order) {
      if (watched.process.id === VMM_ID && blocked) watched.clock.forgive();
      const unreadBytes = this.#unreadBytes(watched.process);
      const suspect = watched.asking || (unreadBytes ?? 0) > 0;
      const silentMs = this.#judge(watched, unreadBytes, suspect);
      if (this.#stopped) return;
      if (suspect) suspects += 1;
      // Longer than between two questions: it may be what the VMM waits for.
      if (silentMs > this.#deadlineMs / QUESTIONS + 2 * this.#stepMs) blocked = true;
    }
    this.#askAll();
    this.#timer = this.#schedule(suspects > 0 ? this.#deadlineMs / CLOSE_READINGS : this.#stepMs);
  }

  /** Returns for how long the process has been silent, in ms. */
  #judge(watched: Watched, unreadBytes: number | null, suspect: boolean): number {
    const { process, clock } = watched;
    const activity = suspect ? observeActivity(process.pid) : null;
    clock.take({ nowMs: performance.now(), answers: watched.answers, unreadBytes, activity });
    const { sign, silentMs } = clock.silence;
    // The next reading could be after the deadline.
    if (silentMs + this.#stepMs <= this.#deadlineMs) return silentMs;
    this.#watched.delete(process.id);
    this.#onHang({ process: process.id, silentMs: Math.round(silentMs), detail: describe(sign, unreadBytes, activity) });
    return silentMs;
  }

  #askAll(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastQuestionMs < this.#deadlineMs / QUESTIONS) return;
    this.#lastQuestionMs = nowMs;
    for (const watched of this.#watched.values()) if (!watched.asking) this.#ask(watched);
  }

  #ask(watched: Watched): void {
    const { monitor } = watched.process;
    if (monitor === null) return;
    watched.asking = true;
    const answered = (answers: number): void => {
      watched.asking = false;
      watched.answers = (watched.answers ?? 0) + answers;
    };
    monitor.execute("query-status", undefined, this.#deadlineMs * PATIENCE).then(
      () => answered(1),
      () => answered(0),
    );
  }

  #unreadBytes({ channelInode }: WatchedProcess): number | null {
    if (channelInode === null) return null;
    try {
      return addon.unreadBytes({ fd: this.#diag, inode: channelInode });
    } catch {
      return null; // ENOENT: it has closed its channel, and exits by itself.
    }
  }
}

/** Thread states by their letters: proc_pid_stat(5). */
const STATES: Readonly<Record<string, string>> = {
  R: "running",
  S: "sleeping",
  D: "blocked in the kernel",
  T: "stopped",
  t: "traced",
};

function describe(sign: HangSign, unreadBytes: number | null, activity: ObservedActivity | null): string {
  const symptom = sign === "channel" ? `left ${unreadBytes} bytes of its channel unread` : "did not answer on its monitor";
  const states = [...new Set(activity?.states ?? "")].map((letter) => STATES[letter] ?? letter);
  return `${symptom}; its threads are ${states.join(" or ") || "gone"}`;
}
