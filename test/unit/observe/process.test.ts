import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Worker } from "node:worker_threads";
import * as assert from "uvu/assert";
import {
  findInPidNamespaces,
  isGone,
  listPids,
  observeProcess,
  ProcessDirectory,
  pidNamespaceOf,
} from "../../../src/observe/index.js";
import { suite } from "../../support/harness.js";

const test = suite("reading of a live process", { needs: ["root"] });

/** Above PID_MAX_LIMIT (include/linux/threads.h), so nobody has it. */
const NO_PID = 4_194_305;
const NO_CAPABILITIES = "0000000000000000";

let children: ChildProcess[];
test.beforeEach(() => {
  children = [];
});
test.afterEach(async () => {
  for (const child of children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
});

/** Starts a program that first says something, and then stays. */
async function start(program: string, ...args: string[]): Promise<{ pid: number; said: string; child: ChildProcess }> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { pid: child.pid ?? NO_PID, said: said.toString(), child };
}

function observe(pid: number) {
  const observed = observeProcess(pid);
  if (observed === null) throw new Error(`process ${pid} was not seen`);
  return observed;
}

test("this process: its name, place, namespaces, identity and mounts", () => {
  const own = observe(process.pid);
  assert.is(own.pid, process.pid);
  assert.is(own.command, readFileSync("/proc/self/comm", "utf8").trimEnd());
  assert.is(own.cwd, process.cwd());
  assert.is(own.namespaces.mount, readlinkSync("/proc/self/ns/mnt"));
  assert.is(Object.keys(own.namespaces).length, 7);
  assert.is(new Set(Object.values(own.namespaces)).size, 7);
  assert.equal(own.threads[0]?.uids, new Array(4).fill(process.getuid?.()));
  assert.ok(own.mounts.some((mount) => mount.target === "/"));
  assert.ok((own.limits["nofile"]?.soft ?? 0) > 0);
  assert.ok(own.dumpable);
});

test("threads: all of them, in order, and a new one is seen", async () => {
  const worker = new Worker("require('node:worker_threads').parentPort.on('message', () => {})", { eval: true });
  await once(worker, "online");
  const tids = observe(process.pid).threads.map((thread) => thread.tid);
  const listed = readdirSync("/proc/self/task").map(Number);
  assert.equal(
    tids,
    listed.sort((a, b) => a - b),
  );
  await worker.terminate();
  assert.ok(observe(process.pid).threads.length < tids.length);
});

test("privileges: ids, groups, capabilities, no_new_privs and umask as the kernel shows them", async () => {
  const options = ["--reuid", "12345", "--regid", "23456", "--groups", "7,8", "--bounding-set", "-all", "--inh-caps", "-all"];
  const { pid } = await start("setpriv", ...options, "--no-new-privs", "sh", "-c", "umask 037; echo; exec sleep 60");
  const [thread] = observe(pid).threads;
  assert.equal(thread?.uids, [12345, 12345, 12345, 12345]);
  assert.equal(thread?.gids, [23456, 23456, 23456, 23456]);
  assert.equal(thread?.groups, [7, 8]);
  assert.is(thread?.umask, "0037");
  assert.ok(thread?.noNewPrivs);
  assert.equal([...new Set(Object.values(thread?.capabilities ?? {}))], [NO_CAPABILITIES]);
  assert.is(thread?.seccompMode, 0);
});

test("privileges: root without any of that is not taken for confined", async () => {
  const [thread] = observe((await start("sh", "-c", "echo; exec sleep 60")).pid).threads;
  assert.not.ok(thread?.noNewPrivs);
  assert.is.not(thread?.capabilities.effective, NO_CAPABILITIES);
  assert.is.not(thread?.capabilities.bounding, NO_CAPABILITIES);
});

test("dumpable: a process that changed its uid is not, until it executes a program", async () => {
  const change = "process.setuid(12345); process.stdout.write('changed'); setInterval(() => {}, 1000)";
  assert.not.ok(observe((await start(process.execPath, "-e", change)).pid).dumpable);
  assert.ok(observe((await start("setpriv", "--reuid", "12345", "sh", "-c", "echo; exec sleep 60")).pid).dumpable);
});

test("end: nobody is null", () => {
  assert.is(observeProcess(NO_PID), null);
  assert.is(pidNamespaceOf(NO_PID), null);
});

test("end: a process that ends while it is read says so, and is null when read anew", async () => {
  const { pid, child } = await start("sh", "-c", "echo; exec sleep 60");
  const directory = new ProcessDirectory(pid);
  assert.ok(directory.read("status").includes("sleep") || directory.read("status").includes("sh"));
  child.kill("SIGKILL");
  await once(child, "close");
  for (const read of [() => directory.read("status"), () => directory.list("fd"), () => directory.link("cwd")]) {
    assert.throws(read, (error: unknown) => isGone(error));
  }
  directory.close();
  assert.is(observeProcess(pid), null);
});

test("end: a zombie holds nothing any more and is null", async () => {
  // sleep takes the shell's place, and with it a child that it will never wait for.
  const { said } = await start("sh", "-c", "sleep 0 & echo $!; exec sleep 60");
  const pid = Number(said);
  const state = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2];
  for (let waits = 0; waits < 200 && state() !== "Z"; waits += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(state(), "Z");
  assert.is(observeProcess(pid), null);
});

test("find: by pid namespace, this process among its own and nobody in none", () => {
  const namespace = pidNamespaceOf(process.pid) ?? "";
  assert.ok(findInPidNamespaces(new Set([namespace])).includes(process.pid));
  assert.equal(findInPidNamespaces(new Set()), []);
  assert.equal(findInPidNamespaces(new Set(["pid:[1]"])), []);
  assert.ok(listPids().includes(process.pid));
});

test.run();
