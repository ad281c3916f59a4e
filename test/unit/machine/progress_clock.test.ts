import * as assert from "uvu/assert";
import { ProgressClock, type ProgressReading } from "../../../src/machine/progress_clock.js";
import { suite } from "../../support/harness.js";

const test = suite("for how long a process has made no progress");

const STEP_MAX_MS = 1000;
const MS = 1e6;

/** A process that is read every 500 ms; what is not given stays as it was. */
class Played {
  reading: ProgressReading = { nowMs: 0, answers: 0, unreadBytes: 0, activity: null };
  readonly clock = new ProgressClock(this.reading, STEP_MAX_MS);

  step(change: Partial<ProgressReading> = {}): number {
    this.reading = { ...this.reading, nowMs: this.reading.nowMs + 500, ...change };
    this.clock.take(this.reading);
    return this.clock.silence.silentMs;
  }
}

const runnable = (cpuMs: number) => ({ runnable: true, cpuNs: cpuMs * MS, states: "R" });

test("without an answer the time adds up; an answer ends it", () => {
  const played = new Played();
  assert.is(played.step(), 500);
  assert.is(played.step(), 1000);
  assert.is(played.clock.silence.sign, "monitor");
  assert.is(played.step({ answers: 1 }), 0);
});

test("unread bytes that stay count though the monitor answers", () => {
  const played = new Played();
  let silentMs = 0;
  for (let answers = 1; answers <= 4; answers += 1) silentMs = played.step({ answers, unreadBytes: 28 });
  assert.equal([silentMs, played.clock.silence.sign], [2000, "channel"]);
});

test("bytes that become fewer, or none, are progress; more are not", () => {
  const played = new Played();
  played.step({ answers: 1, unreadBytes: 28 });
  assert.is(played.step({ answers: 2, unreadBytes: 68 }), 1000, "the VMM's own writing counted as the device's progress");
  assert.is(played.step({ answers: 3, unreadBytes: 40 }), 0);
  played.step({ answers: 4, unreadBytes: 40 });
  assert.is(played.step({ answers: 5, unreadBytes: 0 }), 0);
});

test("a process that wants to run and gets no CPU is not silent", () => {
  const played = new Played();
  assert.is(played.step({ activity: runnable(0) }), 0, "nothing is known yet of how much it ran");
  for (let count = 0; count < 100; count += 1) assert.is(played.step({ activity: runnable(0) }), 0);
});

test("a process that spins is silent for as long as it runs", () => {
  const played = new Played();
  played.step({ activity: runnable(0) });
  assert.is(played.step({ activity: runnable(400) }), 400);
  assert.is(played.step({ activity: runnable(900) }), 900);
});

test("a stopped or sleeping process has no excuse", () => {
  const played = new Played();
  played.step({ activity: runnable(0) });
  assert.is(played.step({ activity: { runnable: false, cpuNs: 0, states: "TT" } }), 500);
});

test("a launcher that was held up itself counts no more than one step of it", () => {
  const played = new Played();
  assert.is(played.step({ nowMs: 3_600_000 }), STEP_MAX_MS);
});

test("a kernel without scheduler statistics: all time counts", () => {
  const played = new Played();
  const blind = { runnable: true, cpuNs: null, states: "R" };
  played.step({ activity: blind });
  assert.is(played.step({ activity: blind }), 1000);
});

test.run();
