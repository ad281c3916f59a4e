import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ExitStatus } from "../../../src/kernel/index.js";
import { explainDeath, loadSyscallNames } from "../../../src/machine/death_cause.js";
import { KernelLog, parseFault, type RecordedFault } from "../../../src/machine/kernel_log.js";
import { suite } from "../../support/harness.js";
import { compileVictim } from "../../support/victim/compile_victim.js";

const test = suite("why a process died");

const signal = (number: number): ExitStatus => ({ exitCode: null, signal: number });
/** asm/unistd_64.h */
const CHROOT_CALL = 161;

/** The record is written by a kernel thread. */
async function awaitCall(read: () => number | null): Promise<number | null> {
  for (let tries = 0; tries < 50; tries += 1) {
    const call = read();
    if (call !== null) return call;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return null;
}

const NO_PLAN = { cgroup: null, root: [] };

/** A log that knows what the test says. */
function played(facts: { call?: number; fault?: RecordedFault }): KernelLog {
  return { refusedCall: () => facts.call ?? null, fault: () => facts.fault ?? null } as unknown as KernelLog;
}

/** Of a process that is not our child. */
const UNTOLD: ExitStatus = { exitCode: null, signal: null };

let folder: string;
test.beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-death-"));
});
test.afterEach(() => rmSync(folder, { recursive: true }));

test("a refused call is told by its number until the table is loaded, and then by its name", async () => {
  const before = await explainDeath({ pid: 1, plan: NO_PLAN }, signal(31), played({ call: 59 }));
  assert.equal([before.intrusion, before.syscall], [true, "59"]);
  assert.is((await explainDeath({ pid: 1, plan: NO_PLAN }, signal(31), played({ call: 234 }))).intrusion, false);
  await loadSyscallNames();
  assert.is((await explainDeath({ pid: 1, plan: NO_PLAN }, signal(31), played({ call: 59 }))).syscall, "execve");
});

test("a death that cannot be explained: an intrusion where it may be one, and never an exception", async () => {
  const broken = {
    refusedCall: () => {
      throw new Error("no log");
    },
  } as unknown as KernelLog;
  const refused = await explainDeath({ pid: 1, plan: NO_PLAN }, signal(31), broken);
  assert.equal([refused.intrusion, refused.syscall, refused.status], [true, null, signal(31)]);
  assert.match(refused.words, /^SIGSYS .*; asking why failed: no log$/);
  assert.ok((await explainDeath({ pid: 1, plan: NO_PLAN }, UNTOLD, broken)).intrusion);
  assert.not.ok((await explainDeath({ pid: 1, plan: NO_PLAN }, { exitCode: 1, signal: null }, broken)).intrusion);
});

test("a refused call is named, and an intrusion", async () => {
  const cause = await explainDeath({ pid: 1, plan: NO_PLAN }, signal(31), played({ call: 59 }));
  const words = "SIGSYS: its seccomp filter refused execve";
  assert.equal(cause, { words, intrusion: true, syscall: "execve", status: signal(31) });
});

test("another's child: its refused call is an intrusion, its fault is one, and without a record nothing is made up", async () => {
  const refused = await explainDeath({ pid: 1, plan: NO_PLAN }, UNTOLD, played({ call: 59 }));
  assert.equal([refused.intrusion, refused.syscall, refused.status], [true, "execve", signal(31)]);
  const fault = { what: "segfault at 10", file: null, offset: null };
  const faulted = await explainDeath({ pid: 1, plan: NO_PLAN }, UNTOLD, played({ fault }));
  assert.equal([faulted.intrusion, faulted.words], [false, "SIGSEGV: segfault at 10"]);
  const unknown = await explainDeath({ pid: 1, plan: NO_PLAN }, UNTOLD, played({}));
  assert.equal([unknown.intrusion, unknown.words], [false, "an end that only its parent knows"]);
});

test("a refused call without a record is an intrusion, and nothing is made up", async () => {
  const cause = await explainDeath({ pid: 1, plan: NO_PLAN }, signal(31), played({}));
  assert.equal([cause.intrusion, cause.syscall], [true, null]);
  assert.match(cause.words, "no audit record names it");
});

test("abort() ends with a refused tgkill: a death, not an intrusion", async () => {
  const cause = await explainDeath({ pid: 1, plan: NO_PLAN }, signal(31), played({ call: 234 }));
  assert.equal([cause.intrusion, cause.syscall], [false, "tgkill"]);
  assert.match(cause.words, /^abort\(\)/);
});

test("the OOM killer of the process's cgroup is named with its limit; another SIGKILL is not put down to it", async () => {
  const plan = { cgroup: { path: folder, files: { "memory.max": "1048576" } }, root: [] };
  writeFileSync(`${folder}/memory.events`, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n");
  const killed = await explainDeath({ pid: 1, plan }, signal(9), played({}));
  assert.is(killed.words, "SIGKILL: it was out of memory (its cgroup has memory.max 1048576)");
  assert.is((await explainDeath({ pid: 1, plan }, UNTOLD, played({}))).words, killed.words);
  writeFileSync(`${folder}/memory.events`, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n");
  assert.is((await explainDeath({ pid: 1, plan }, signal(9), played({}))).words, "SIGKILL");
  rmSync(`${folder}/memory.events`);
  assert.is((await explainDeath({ pid: 1, plan }, signal(9), played({}))).words, "SIGKILL");
});

test("a general protection fault at a HLT of the root's file is abort(); at another instruction it is itself", async () => {
  mkdirSync(`${folder}/lib`);
  writeFileSync(`${folder}/lib/libc.so.6`, Buffer.from([0x90, 0xf4]));
  const entry = { access: "ro", kind: "bind" } as const;
  const root = [
    { ...entry, target: "/", source: folder },
    { ...entry, target: "/lib/libc.so.6", source: "/lib/libc.so.6" },
  ];
  const words = async (offset: number) => {
    const fault = { what: "general protection fault", file: "libc.so.6", offset };
    return (await explainDeath({ pid: 1, plan: { cgroup: null, root } }, signal(11), played({ fault }))).words;
  };
  assert.match(await words(1), /^abort\(\)/);
  assert.is(await words(0), "SIGSEGV: general protection fault in libc.so.6");
  assert.is(await words(99), "SIGSEGV: general protection fault in libc.so.6");
});

test("the kernel's words are read as several versions write them", () => {
  assert.equal(
    parseFault("4,1,2,-;traps: qemu-system-x86[12] general protection fault ip:7f sp:7e error:0 in libc.so.6[98829,7f+155000]"),
    { pid: 12, what: "general protection fault", file: "libc.so.6", offset: 0x98829 },
  );
  assert.equal(
    parseFault(
      "qemu-system-x86[34]: segfault at 10 ip 00007f sp 00007e error 4 in qemu-system-x86_64[5590+5d1000] likely on CPU 1",
    ),
    { pid: 34, what: "segfault at 10", file: null, offset: null },
  );
  assert.is(parseFault("audit: type=1326 audit(1.2:3): pid=12 sig=31 syscall=59"), null);
});

test.run();

const real = suite("why a process died, by the kernel's own log", { needs: ["root", "user-namespaces", "audit"] });

real("a call that a filter kills for, and an abort() of a pid 1, are found by pid", async () => {
  const victim = compileVictim("last_call");
  const log = new KernelLog();
  try {
    const ended = spawnSync(victim.path, ["chroot"], { encoding: "utf8" });
    assert.is(ended.signal, "SIGSYS");
    const refused = await explainDeath({ pid: ended.pid, plan: NO_PLAN }, signal(31), log);
    assert.is(refused.syscall, "chroot");
    const opened = new KernelLog();
    // The kernel counts in ticks of 10 ms, and its clocks drift apart.
    const ticks = (seconds: number) => String(Math.round(seconds * 100));
    const inLog = (startTime: string) => explainDeath({ pid: ended.pid, plan: NO_PLAN, startTime }, UNTOLD, opened);
    assert.equal((await inLog(ticks(uptime()))).syscall, "chroot");
    const later = await inLog(ticks(uptime() * 1.01 + 60));
    assert.equal([later.intrusion, later.syscall], [false, null], "a record from before the process started is another's");
    opened.close();
    // It says the pid that this /proc shows, and is pid 1 where it lives.
    const pid = Number(execFileSync("sh", ["-c", `unshare --pid --fork ${victim.path} abort || true`], { encoding: "utf8" }));
    assert.is(log.fault(pid)?.what, "general protection fault");
  } finally {
    log.close();
    victim.remove();
  }
});

real("audit records that came while nobody read wait in the socket for whoever takes it over", async () => {
  const victim = compileVictim("last_call");
  const dead = new KernelLog();
  const ended = spawnSync(victim.path, ["chroot"], { encoding: "utf8" });
  const successor = new KernelLog(dead.auditFd);
  // Later than any stamp of the kernel's own log, in which it may stand too.
  const call = await awaitCall(() => successor.refusedCall(ended.pid, Number.MAX_VALUE));
  successor.close();
  victim.remove();
  assert.is(call, dead.auditFd === null ? null : CHROOT_CALL);
});

real.run();
