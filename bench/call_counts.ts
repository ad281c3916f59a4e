import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { listRoles, loadRolePolicy } from "../src/policy/index.js";
import { argumentValueName, combinePhases, syscallArguments, syscallName } from "../src/seccomp/index.js";
import { BULKHEAD_COMMAND, POLICY_FOLDER } from "./benchmark.js";

/**
 * Counts the calls of a running VM's processes, from lock-down to its end, by tracefs: node dist/bench/call_counts.js VM.yaml SECONDS
 * It prints what policies/frequencies/ROLE.yaml holds. Needs root and a kernel with CONFIG_FTRACE_SYSCALLS. Once a second it writes
 * an `r` to the VM's console, for guests that read their disk when told to.
 */
const TRACING = "/sys/kernel/tracing/instances";
/** A trace buffer that holds some seconds of a busy VM, for each CPU. */
const BUFFER_KIB = 16_384;
/** How often new threads are looked for; the block layer's live for seconds. */
const THREADS_EVERY_MS = 100;
const ORDER_EVERY_MS = 1000;
const PER_MILLION = 1_000_000;
/** Calls that are rarer than this, in a million, weigh nothing. */
const RARE_PER_MILLION = 10;
/** `qemu-system-x86-1234 [000] ..... 12.5: sys_enter: NR 16 (b, ae80, 0, 0, 0, 0)` */
const EVENT = /-(\d+)\s+\[\d+\].*sys_enter: NR (-?\d+) \(([^)]*)\)/;

interface Process {
  readonly role: string;
  readonly pid: number;
}

const [vmFile, secondsText] = process.argv.slice(2);
if (vmFile === undefined || secondsText === undefined) throw new Error("call_counts VM.yaml SECONDS");

const instance = `${TRACING}/bulkhead-${process.pid}`;
const threads = new Map<number, string>();
const counts = new Map<string, Map<string, number>>();
const checked = new Map(listRoles(POLICY_FOLDER).map((role) => [role, checkedArguments(role)] as const));

const vm = spawn(process.execPath, [BULKHEAD_COMMAND, "run", vmFile], { stdio: ["pipe", "inherit", "inherit"] });
try {
  prepareTracing();
  await countCalls(vm, await runningProcesses(vm), Number(secondsText) * 1000);
} finally {
  writeFileSync(`${instance}/tracing_on`, "0");
  vm.kill();
  rmdirSync(instance);
}
for (const [role, calls] of counts) printRole(role, calls);
process.exit();

function prepareTracing(): void {
  mkdirSync(instance);
  writeFileSync(`${instance}/tracing_on`, "0");
  writeFileSync(`${instance}/buffer_size_kb`, String(BUFFER_KIB));
  writeFileSync(`${instance}/options/event-fork`, "1");
  writeFileSync(`${instance}/events/raw_syscalls/sys_enter/enable`, "1");
}

/** The processes of the VM, once its guest runs. */
async function runningProcesses(child: ChildProcess): Promise<Process[]> {
  while (child.exitCode === null) {
    const [run] = JSON.parse(execFileSync(process.execPath, [BULKHEAD_COMMAND, "ps", "--json"], { encoding: "utf8" })) as [
      { readonly state: string; readonly processes: readonly Process[] }?,
    ];
    if (run?.state === "running") return [...run.processes];
    await sleep(THREADS_EVERY_MS);
  }
  throw new Error("the VM ended before it ran");
}

async function countCalls(child: ChildProcess, processes: readonly Process[], lengthMs: number): Promise<void> {
  noteThreads(processes);
  writeFileSync(`${instance}/set_event_pid`, [...threads.keys()].join(" "));
  // A process of its own: reading trace_pipe blocks, and a read that is under way keeps the instance busy.
  const reader = spawn("cat", [`${instance}/trace_pipe`], { stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: reader.stdout }).on("line", countEvent);
  writeFileSync(`${instance}/tracing_on`, "1");
  const endMs = performance.now() + lengthMs;
  let orderMs = 0;
  while (child.exitCode === null && performance.now() < endMs) {
    await sleep(THREADS_EVERY_MS);
    noteThreads(processes);
    if (performance.now() < orderMs) continue;
    child.stdin?.write("r");
    orderMs = performance.now() + ORDER_EVERY_MS;
  }
  await sleep(THREADS_EVERY_MS);
  reader.kill();
  await once(reader, "close");
}

function noteThreads(processes: readonly Process[]): void {
  for (const { role, pid } of processes) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) threads.set(Number(thread), role);
    } catch {
      // The process has ended: its calls are counted already.
    }
  }
}

function countEvent(line: string): void {
  const [, thread, number, words] = EVENT.exec(line) ?? [];
  const role = threads.get(Number(thread));
  const syscall = syscallName(Number(number));
  if (role === undefined || syscall === undefined || words === undefined) return;
  const args = words.split(", ").map((word) => BigInt(`0x${word}`));
  const key = describeCall(syscall, args, checked.get(role)?.get(syscall) ?? new Set());
  const calls = counts.get(role) ?? new Map<string, number>();
  counts.set(role, calls.set(key, (calls.get(key) ?? 0) + 1));
}

/** Which arguments of which syscall any rule of a role looks at. */
function checkedArguments(role: string): Map<string, Set<number>> {
  const indices = new Map<string, Set<number>>();
  for (const { syscall, checks } of combinePhases(loadRolePolicy({ folder: POLICY_FOLDER, role }).seccomp, "start+run").rules) {
    const known = indices.get(syscall) ?? new Set();
    for (const { index } of checks) known.add(index);
    indices.set(syscall, known);
  }
  return indices;
}

function describeCall(syscall: string, args: readonly bigint[], indices: ReadonlySet<number>): string {
  const declared = syscallArguments(syscall) ?? [];
  const named = [...indices].sort().map((index) => {
    const argument = declared[index];
    const value = BigInt.asUintN(argument?.width ?? 64, args[index] ?? 0n);
    return `${argument?.name ?? `arg${index}`}: ${argumentValueName(syscall, index, value)}, `;
  });
  return `${syscall}: {${named.join("")}`;
}

function printRole(role: string, calls: ReadonlyMap<string, number>): void {
  const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
  process.stdout.write(`role: ${role}   # ${total} calls\ncalls:\n`);
  for (const [key, count] of [...calls].sort(([, a], [, b]) => b - a)) {
    const share = Math.round((count / total) * PER_MILLION);
    if (share >= RARE_PER_MILLION) process.stdout.write(`  - ${key}perMillion: ${share}}\n`);
  }
}
