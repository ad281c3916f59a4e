import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { compileWithLibseccomp } from "../../../src/seccomp/compile_libseccomp.js";
import { readFilters, writeProgram } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { type CompiledVictim, compileVictim } from "../../support/victim/compile_victim.js";
import { policy, rule } from "./rules_for_tests.js";

const test = suite("filters of a running process", { needs: ["root"], timeoutMs: 15_000 });

let victim: CompiledVictim;
const running: ChildProcess[] = [];

test.before(() => {
  victim = compileVictim("threads_with_filters", ["-pthread"]);
});
test.after(() => {
  for (const child of running) child.kill("SIGKILL");
  victim.remove();
});

/** A program that allows everything; `mark` tells it apart. */
const allowing = (mark: number) =>
  writeProgram([
    { code: 0x00, operand: mark, jumpTrue: 0, jumpFalse: 0 },
    { code: 0x06, operand: 0x7fff0000, jumpTrue: 0, jumpFalse: 0 },
  ]);

/** A process whose first thread has the first filters, and whose second thread has one more. */
async function start(...filters: readonly Buffer[]): Promise<number> {
  const paths = filters.map((bytes, index) => {
    const path = join(victim.folder, `${index}.bpf`);
    writeFileSync(path, bytes);
    return path;
  });
  const child = spawn(victim.path, paths, { stdio: ["ignore", "pipe", "inherit"] });
  running.push(child);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child.pid as number;
}

test("each thread: its own filters, the oldest first", async () => {
  const filters = [allowing(1), allowing(2), allowing(3)];
  const pid = await start(...filters.map(({ bytes }) => bytes));
  const read = readFilters(pid).map(({ programs }) => programs.map(({ sha256 }) => sha256));
  const hashes = filters.map(({ sha256 }) => sha256);
  assert.equal(read, [hashes.slice(0, 2), hashes]);
});

test("a compiled filter: comes back as it was installed", async () => {
  const program = compileWithLibseccomp({ ...policy([rule("read")]), otherwise: { kind: "allow" } }, { phases: "run" });
  const pid = await start(program.bytes, program.bytes);
  assert.equal(readFilters(pid)[0]?.programs[0]?.bytes, program.bytes);
});

test("a process without filters: none, and it runs on", async () => {
  const pid = await start();
  assert.equal(
    readFilters(pid).map(({ programs }) => programs),
    [[], []],
  );
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^State:\t[RS]/m);
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^TracerPid:\t0$/m);
});

test("a process that is stopped by job control: read, and still stopped", async () => {
  const pid = await start(allowing(1).bytes);
  process.kill(pid, "SIGSTOP");
  assert.is(readFilters(pid).length, 2);
  // Let go, it stops again by itself, in the kernel: that takes a moment.
  const isStopped = () => /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  for (let waitedMs = 0; !isStopped() && waitedMs < 1000; waitedMs += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(isStopped());
});

test("a process that is gone: told so", () => {
  assert.throws(() => readFilters(2 ** 22), /PTRACE_SEIZE: ESRCH. The process has ended/);
});

test.run();
