import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { identifyProcess, isAlive } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "./temporary_directories.js";

const test = suite("names of processes");

/** Above PID_MAX_LIMIT (include/linux/threads.h), so nobody has it. */
const NO_PID = 4_194_305;

function identify(pid: number | undefined) {
  const identity = identifyProcess(pid ?? NO_PID);
  if (identity === null) throw new Error(`no process ${pid}`);
  return identity;
}

test("this process is alive under its own start time only", () => {
  const own = identify(process.pid);
  assert.match(own.startTime, /^\d+$/);
  assert.ok(isAlive(own));
  assert.not.ok(isAlive({ ...own, startTime: String(Number(own.startTime) + 1) }));
});

test("nobody is null, and not alive", () => {
  assert.is(identifyProcess(NO_PID), null);
  assert.not.ok(isAlive({ pid: NO_PID, startTime: "1" }));
});

test("a process that ended is not alive", async () => {
  const child = spawn("sleep", ["60"]);
  const identity = identify(child.pid);
  assert.ok(isAlive(identity));
  child.kill("SIGKILL");
  await once(child, "close");
  assert.not.ok(isAlive(identity));
});

test("a zombie is not alive", async () => {
  // sleep takes the shell's place, and with it a child that it will never wait for.
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  try {
    const identity = identify(Number(line.toString()));
    for (let waits = 0; waits < 200 && isAlive(identity); waits += 1) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.not.ok(isAlive(identity));
    assert.equal(identifyProcess(identity.pid), identity, "it is still there, as a zombie");
  } finally {
    parent.kill("SIGKILL");
    await once(parent, "close");
  }
});

test("a command name with spaces and brackets shifts no field", async () => {
  const directories = makeDirectories();
  const program = `${directories.base}/a) S 1 (b`;
  copyFileSync("/bin/sleep", program);
  const child = spawn(program, ["60"]);
  await once(child, "spawn");
  try {
    const identity = identify(child.pid);
    assert.ok(isAlive(identity));
    // In clock ticks since boot: what started after this process has no smaller figure.
    assert.ok(Number(identity.startTime) >= Number(identify(process.pid).startTime));
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
    directories.remove();
  }
});

test.run();
