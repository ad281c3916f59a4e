import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { cacheDirectory, type LabOutcome, type LabRun, runLab } from "../../src/compliance/lab/index.js";
import { suite } from "../support/harness.js";

/** Two labs at once on two cores, on a machine with other work. */
const test = suite("lab", { needs: ["root", "lab"], timeoutMs: 180_000 });
const MAIN = fileURLToPath(new URL("../../src/compliance/lab/main.js", import.meta.url));
const FACTS = ["node", "--enable-source-maps", "dist/test/integration/lab_facts.js"];

let results = "";
test.before(async () => {
  results = await mkdtemp(join(tmpdir(), "lab-results-"));
});
test.after(() => rm(results, { recursive: true, force: true }));

interface Ended {
  readonly outcome: LabOutcome | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function lab(name: string, argv: readonly string[], options: Partial<LabRun> = {}): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const call = { progress: () => undefined, stdout, stderr, resultsDirectory: join(results, name), ...options };
  const ended = await runLab({ command: { kind: "argv", argv }, ...call }).then(
    (outcome) => ({ outcome, error: null }),
    (error: { code: string; message: string }) => ({ outcome: null, error }),
  );
  return { ...ended, stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? "") };
}

/** Runs of the lab that still have a directory: each removes its own at its end. */
async function listRuns(): Promise<string[]> {
  return (await readdir(cacheDirectory())).filter((name) => name.startsWith(".run-"));
}

test("lab: two at once, one tells what it is, the other's kernel panics and is recognised", async () => {
  const [told, crashed] = await Promise.all([lab("facts", FACTS), lab("panic", ["sh", "-c", "echo c >/proc/sysrq-trigger"])]);
  assert.is(crashed.error?.code, "lab-panic");
  assert.match(crashed.error?.message ?? "", /kernel panicked: .*sysrq/i);

  assert.is(told.error, null);
  assert.is(told.outcome?.exitCode, 7);
  assert.is(told.stderr, "to stderr\n");
  assert.is(await readFile(join(results, "facts/left.txt"), "utf8"), "left in the lab\n");
  checkFacts(JSON.parse(told.stdout));
});

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the assertions below are about
function checkFacts(facts: any): void {
  assert.is(facts.enforcing, "1");
  assert.match(facts.context, ":unconfined_t:");
  assert.is(facts.unlabelled, "");
  assert.match(facts.rootLabel, ":root_t:");
  assert.is(facts.linkLabels.match(/:(bin_t|lib_t):/g)?.length, 3);
  assert.match(facts.qemuLabel, ":qemu_exec_t:");
  for (const controller of ["cpuset", "cpu", "io", "memory", "pids"])
    assert.ok(facts.controllers.includes(controller), controller);
  assert.is(facts.siblings, "0-1");
  for (const module of ["selinux", "landlock"]) assert.ok(facts.securityModules.includes(module), module);
  assert.match(facts.node, /^v2\d\./);
  for (const name of ["dist", "package.json", "node_modules"]) assert.ok(facts.project.includes(name), name);
  for (const [generation, version] of Object.entries<string>(facts.versions))
    assert.ok(version.startsWith(`${generation}.`), version);
  assert.is(facts.denials.length, facts.expectedDenials);
  for (const denial of facts.denials) {
    assert.equal(denial, { permissions: ["execheap"], objectClass: "process", permissive: false, comm: "python3" });
  }
  assert.is(facts.silence, 0);
}

test("lab: a boot that misses its deadline is ended and shows the console", async () => {
  const { error } = await lab("late", ["true"], { bootTimeoutMs: 2000 });
  assert.is(error?.code, "lab-boot-timeout");
  assert.match(error?.message ?? "", "Its console ended with:");
});

test("lab: a command that misses its deadline is ended", async () => {
  const { error } = await lab("stuck", ["sleep", "1000"], { commandTimeoutMs: 1000 });
  assert.is(error?.code, "lab-command-timeout");
});

test("lab: an interrupt ends QEMU, leaves no directory, and the exit code tells", async () => {
  const child = spawn(process.execPath, [MAIN, "--results", join(results, "stopped"), "sleep", "1000"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const ready = new Promise<void>((resolve) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("ready after")) resolve();
    });
  });
  await Promise.race([ready, once(child, "exit")]);
  const run = (await commandLinesOfChildren(child.pid ?? 0)).map((line) => /\.run-\w+/.exec(line)?.[0]).find(Boolean);
  if (run === undefined) throw new Error(`no child names the directory of its run: ${said}`);
  assert.ok((await listRuns()).includes(run));
  child.kill("SIGINT");
  const [exitCode] = await once(child, "exit");
  assert.is(exitCode, 130);
  // Another checkout's labs may come and go meanwhile.
  assert.not.ok((await listRuns()).includes(run));
  assert.equal(await listProcessesNaming(run), []);
});

test("lab: a mirror that cannot be reached is one message and exit code 3", async () => {
  const cache = await mkdtemp(join(tmpdir(), "lab-cache-"));
  // Port 9, discard: nothing listens there.
  const env = { ...process.env, BULKHEAD_LAB_CACHE: cache, BULKHEAD_LAB_MIRROR: "http://127.0.0.1:9/debian" };
  const child = spawn(process.execPath, [MAIN, "true"], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const [exitCode] = await once(child, "close");
  assert.is(exitCode, 3);
  assert.is(said.match(/Cannot fetch Debian/g)?.length, 1, said);
  assert.match(said, "BULKHEAD_LAB_MIRROR");
  await rm(cache, { recursive: true });
});

async function listProcessesNaming(word: string): Promise<string[]> {
  const lines = await Promise.all((await listPids()).map(commandLineOf));
  return lines.filter((line) => line.includes(word));
}

async function commandLinesOfChildren(parent: number): Promise<string[]> {
  const lineOfChild = async (pid: string) => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    return status.includes(`\nPPid:\t${parent}\n`) ? commandLineOf(pid) : "";
  };
  return (await Promise.all((await listPids()).map(lineOfChild))).filter((line) => line !== "");
}

async function listPids(): Promise<string[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
}

function commandLineOf(pid: string): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
}

test.run();
