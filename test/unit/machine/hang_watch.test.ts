import { type ChildProcess, spawn } from "node:child_process";
import { fstatSync, readFileSync, readSync, writeSync } from "node:fs";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import { type Hang, HangWatch } from "../../../src/machine/hang_watch.js";
import { suite } from "../../support/harness.js";
import { PlayedClock } from "../../support/played_clock.js";
import { waitUntil } from "../../support/run_command.js";

const test = suite("noticing a hang");

const DEADLINE_MS = 400;

/** The pid of every played process: one that sleeps, for whoever wants to run is not silent. */
let sleeper: ChildProcess;

/** Answers as long as it is not silent. */
class PlayedProcess {
  silent = false;
  asked = 0;
  readonly id: string;
  readonly pid = sleeper.pid ?? 0;
  readonly vmmEnd: number;
  readonly ownEnd: number;
  readonly monitor = {
    execute: (): Promise<unknown> => {
      this.asked += 1;
      return this.silent ? new Promise(() => {}) : Promise.resolve({});
    },
  };

  constructor(id: string) {
    this.id = id;
    [this.vmmEnd, this.ownEnd] = addon.socketPair();
  }

  get channelInode(): number | null {
    return this.id === "vmm" ? null : fstatSync(this.ownEnd).ino;
  }
}

let clock: PlayedClock;
let watch: HangWatch;
let hangs: (Hang & { readonly afterMs: number })[];
test.before(async () => {
  sleeper = spawn("sleep", ["60"]);
  // comm and state: proc_pid_stat(5). While it starts it wants to run.
  await waitUntil(() => readFileSync(`/proc/${sleeper.pid}/stat`, "utf8").includes("(sleep) S "), "a sleeping process");
});
test.after(() => void sleeper.kill());
test.beforeEach(() => {
  hangs = [];
  clock = new PlayedClock();
  clock.install();
  watch = new HangWatch({
    deadlineMs: DEADLINE_MS,
    onHang: (hang) => hangs.push({ ...hang, afterMs: clock.nowMs }),
  });
});
test.afterEach(() => {
  watch.stop();
  clock.restore();
});

test("processes that answer and read are left alone, and asked four times per deadline", async () => {
  const [disk0, vmm] = [new PlayedProcess("disk0"), new PlayedProcess("vmm")];
  for (const process of [disk0, vmm]) watch.add(process);
  await clock.advance(DEADLINE_MS * 2.5);
  assert.equal(hangs, []);
  // At once, then at each quarter of two and a half deadlines.
  assert.is(disk0.asked, 11);
});

test("a monitor that stays silent is told within the deadline, and once", async () => {
  const disk0 = new PlayedProcess("disk0");
  disk0.silent = true;
  watch.add(disk0);
  await clock.advance(DEADLINE_MS * 2);
  assert.equal(
    hangs.map(({ process }) => process),
    ["disk0"],
  );
  const afterMs = hangs[0]?.afterMs ?? 0;
  assert.ok(afterMs <= DEADLINE_MS && afterMs >= 0.9 * DEADLINE_MS, `told after ${afterMs} ms`);
  assert.match(hangs[0]?.detail ?? "", /^did not answer on its monitor; its threads are /);
});

test("bytes left unread in the channel are told though the monitor answers; who reads them is left alone", async () => {
  const [reader, hung] = [new PlayedProcess("disk0"), new PlayedProcess("disk1")];
  for (const process of [reader, hung]) {
    watch.add(process);
    writeSync(process.vmmEnd, Buffer.alloc(28));
  }
  await clock.advance(DEADLINE_MS / 2);
  readSync(reader.ownEnd, Buffer.alloc(28));
  await clock.advance(DEADLINE_MS);
  assert.equal(
    hangs.map(({ process }) => process),
    ["disk1"],
  );
  assert.match(hangs[0]?.detail ?? "", "left 28 bytes of its channel unread");
});

test("the VMM is not blamed while a device is silent, and is once it alone is", async () => {
  const [disk0, vmm] = [new PlayedProcess("disk0"), new PlayedProcess("vmm")];
  for (const process of [vmm, disk0]) {
    process.silent = true;
    watch.add(process);
  }
  await clock.advance(DEADLINE_MS * 1.3);
  assert.equal(
    hangs.map(({ process }) => process),
    ["disk0"],
  );
  await clock.advance(DEADLINE_MS * 1.2);
  assert.equal(
    hangs.map(({ process }) => process),
    ["disk0", "vmm"],
  );
});

test("a monitor that was closed is no sign of life", async () => {
  const disk0 = new PlayedProcess("disk0");
  disk0.monitor.execute = () => Promise.reject(new Error("closed"));
  watch.add(disk0);
  await clock.advance(DEADLINE_MS * 1.5);
  assert.is(hangs.length, 1);
});

test("nothing is told after a stop", async () => {
  const disk0 = new PlayedProcess("disk0");
  disk0.silent = true;
  watch.add(disk0);
  await clock.advance(DEADLINE_MS / 2);
  watch.stop();
  await clock.advance(DEADLINE_MS);
  assert.equal(hangs, []);
});

test.run();
