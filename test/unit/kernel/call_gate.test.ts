import { constants, readSync, writeSync } from "node:fs";
import { constants as osConstants } from "node:os";
import * as assert from "uvu/assert";
import type { CallGateOptions } from "../../../src/kernel/index.js";
import { SYSCALL_NUMBERS } from "../../../src/seccomp/index.js";
import { type GatedProcess, startGated } from "../../support/gated_process.js";
import { suite } from "../../support/harness.js";
import { waitUntil } from "../../support/run_command.js";
import { type CompiledVictim, compileVictim } from "../../support/victim/compile_victim.js";

const test = suite("a gate for start calls", { needs: ["root"], timeoutMs: 15_000 });

const { EPERM, ENOENT, ENOSYS, EFAULT } = osConstants.errno;
const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT } = constants;
/** include/uapi/asm-generic/fcntl.h; node:fs does not name it. */
const O_CLOEXEC = 0o2000000;
/** A hundred times what an answer takes on a busy machine. */
const BUSY_MS = 300;
const numberOf = (name: string): number => SYSCALL_NUMBERS.get(name) as number;
const ATTACH: CallGateOptions["attach"] = [
  { path: "/dev/null", reads: true, writes: true },
  { path: "/dev/urandom", reads: true, writes: false },
];

let victim: CompiledVictim;
let gated: GatedProcess;
test.before(() => {
  victim = compileVictim("gated", ["-pthread"]);
});
test.after(() => victim.remove());
test.beforeEach(async () => {
  gated = await startGated(victim, { attach: ATTACH, absent: ["/proc/*/cmdline"] });
});
test.afterEach(() => gated.end());

test("until lock-down start calls go through, but a second exec and another process", async () => {
  assert.is(await gated.ask(`call ${numberOf("sysinfo")}`), String(-EFAULT));
  assert.match((await gated.ask(`open /etc/hostname ${O_RDONLY}`)) ?? "", "opened 0");
  for (const name of ["execve", "execveat", "fork"]) assert.is(await gated.ask(`call ${numberOf(name)}`), String(-EPERM), name);
  await waitUntil(() => gated.refusals.length === 3, "three refusals");
  assert.equal(
    gated.refusals.map(({ number }) => number),
    ["execve", "execveat", "fork"].map(numberOf),
  );
});

test("after lock-down each is refused and told, with thread, arguments and place", async () => {
  gated.gate.lock();
  assert.is(gated.gate.phase(), "attach");
  assert.is(await gated.ask(`call ${numberOf("sysinfo")}`), String(-EPERM));
  assert.is(await gated.ask(`open /etc/hostname ${O_RDONLY}`), String(-EPERM));
  await waitUntil(() => gated.refusals.length === 2, "two refusals");
  const [call, open] = gated.refusals;
  assert.equal(
    [call?.tid, call?.number, call?.args.slice(0, 3), call?.killed],
    [gated.pid, numberOf("sysinfo"), [0n, 0n, 0n], false],
  );
  assert.ok((call?.instructionPointer ?? 0n) > 0n);
  assert.is(open?.path.toString(), "/etc/hostname");
});

test("declared opens: a file with the declared access and no other, until the gate is sealed", async () => {
  gated.gate.lock();
  assert.is(await gated.ask(`open /dev/null ${O_RDWR | O_CLOEXEC}`), `opened ${O_RDWR} 1`);
  assert.is(await gated.ask(`open /dev/null ${O_WRONLY}`), `opened ${O_WRONLY} 0`);
  assert.is(await gated.ask(`open /dev/urandom ${O_RDONLY}`), `opened ${O_RDONLY} 0`);
  for (const [path, flags] of [
    ["/dev/urandom", O_RDWR],
    ["/dev/urandom", O_WRONLY],
    ["/dev/null", O_RDWR | O_CREAT],
    ["/dev/zero", O_RDONLY],
    ["/dev/../dev/null", O_RDWR],
    ["dev/null", O_RDWR],
    ["/dev/null/", O_RDWR],
  ] as const) {
    assert.is(await gated.ask(`open ${path} ${flags}`), String(-EPERM), `${path} ${flags}`);
  }
  gated.gate.seal();
  assert.is(gated.gate.phase(), "run");
  assert.is(await gated.ask(`open /dev/null ${O_RDWR}`), String(-EPERM));
});

test("absent files: not there in every phase after lock-down, and no alarm", async () => {
  gated.gate.lock();
  for (const seal of [false, true]) {
    if (seal) gated.gate.seal();
    assert.is(await gated.ask(`open /proc/1/cmdline ${O_RDONLY}`), String(-ENOENT));
  }
  assert.equal(gated.refusals, []);
  for (const path of ["/proc/cmdline", "/proc/1/2/cmdline", "/proc/1/cmdline/x", "/proc//cmdline"])
    assert.is(await gated.ask(`open ${path} ${O_RDONLY}`), String(-EPERM), path);
});

test("a role that is killed ends with its first call, which is told", async () => {
  await gated.end();
  gated = await startGated(victim, { kill: true });
  gated.gate.lock();
  assert.is(await gated.ask(`call ${numberOf("sysinfo")}`), null);
  assert.is((await gated.ended).signal, osConstants.signals.SIGKILL);
  assert.equal(
    gated.refusals.map(({ number, killed }) => [number, killed]),
    [[numberOf("sysinfo"), true]],
  );
});

test("a burst from four threads, with a signal every 2 ms, is answered in full", async () => {
  assert.is(await gated.ask("burst 500"), "2000");
  gated.gate.lock();
  assert.is(await gated.ask("burst 500"), "0");
});

test("JavaScript that is busy holds no call up", () => {
  gated.gate.lock();
  const answer = Buffer.alloc(16);
  writeSync(gated.channelFd, `call ${numberOf("sysinfo")}\n`);
  // Nothing of JavaScript runs meanwhile; what is there afterwards came without it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
  assert.is(answer.toString("latin1", 0, readSync(gated.channelFd, answer)), `${-EPERM}\n`);
});

test("a closed gate: the kernel refuses, and a copy of the listener is all that another needs", async () => {
  gated.gate.lock();
  const copy = gated.gate.copyListener();
  const pending = gated.ask(`call ${numberOf("sysinfo")}`);
  assert.is(await pending, String(-EPERM));
  gated.gate.close();
  const next = await takeOver(copy);
  assert.is(await gated.ask(`call ${numberOf("sysinfo")}`), String(-EPERM));
  assert.is(next.phase(), "run");
  next.close();
  assert.is(await gated.ask(`call ${numberOf("sysinfo")}`), String(-ENOSYS));
});

async function takeOver(listenerFd: number) {
  const { addon } = await import("../../../src/kernel/index.js");
  const next = new addon.CallGate({ attach: [], absent: [], kill: false, onRefusal: () => {} });
  const pidfd = addon.openPidfd({ pid: gated.pid });
  next.resume({ listenerFd, memoryFd: -1, pid: gated.pid, pidfd });
  return next;
}

test.run();
