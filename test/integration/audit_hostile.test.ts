import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { auditWith, evidenceOf } from "../support/audit/audit_command.js";
import { suite } from "../support/harness.js";
import { buildRoot } from "../support/repository.js";
import { type CommandResult, runBulkhead, waitUntil } from "../support/run_command.js";
import { type CompiledVictim, compileVictim } from "../support/victim/compile_victim.js";

/** Each audit takes half a second on an idle machine. */
const test = suite("audits of processes that mean harm, or end", { needs: ["root", "strace"], timeoutMs: 60_000 });

const FDS = 1500;
const THREADS = 200;
/** Names alone of several MB: what MAX_ARG_STRLEN lets one variable have (32 pages) many times. */
const VARIABLES = 12;
const VARIABLE_BYTES = 120_000;

let victim: CompiledVictim;
let folder: string;
const children: ChildProcess[] = [];

test.before(() => {
  victim = compileVictim("hostile_names", ["-pthread"]);
  folder = mkdtempSync(join(tmpdir(), "bulkhead-audit-"));
});
test.afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "close");
  }
});
test.after(() => {
  victim.remove();
  rmSync(folder, { recursive: true });
});

const place = (): Parameters<typeof runBulkhead>[1] => ({
  directory: folder,
  environment: { ...process.env, BULKHEAD_STATE: folder },
});
const audit = (args: readonly string[]): Promise<CommandResult> => runBulkhead(["audit", ...args], place());

async function startHostile(): Promise<number> {
  const names = Array.from({ length: VARIABLES }, (_, index) => [`\u001b[2JNAME_${index}_PASSWORD`, "v".repeat(VARIABLE_BYTES)]);
  const child = spawn(victim.path, [String(FDS), String(THREADS)], {
    stdio: ["ignore", "pipe", "ignore"],
    env: Object.fromEntries(names) as NodeJS.ProcessEnv,
    argv0: "\u001b]0;owned\u0007",
  });
  children.push(child);
  await once(child.stdout as NodeJS.EventEmitter, "data");
  return child.pid as number;
}

/** What acts on a terminal, but for the newline that ends a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject.
const ACTS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

for (const format of ["human", "json", "sarif", "junit", "tap", "html"]) {
  test(`names with escape sequences, many fds, threads and variables: ${format} is made in time and holds nothing that acts`, async () => {
    const pid = await startHostile();
    const { exitCode, stdout, stderr } = await audit(["--pid", String(pid), "--format", format, "--details"]);
    assert.is(exitCode, 1, stderr);
    assert.not.match(stdout, ACTS);
    assert.is(stderr, "");
    assert.not.match(stdout, /vvvvvvvv/, "no value of a variable");
    if (format === "html") assert.not.match(stdout, /<script/);
    if (format !== "html") return;
    assert.is(stdout.split("&lt;script&gt;alert(1)").length - 1 >= FDS, true, "each fd is listed");
  });
}

test("what is counted of it is what /proc counts", async () => {
  const pid = await startHostile();
  const found = await auditWith(["--pid", String(pid)], place());
  const tasks = readdirSync(`/proc/${pid}/task`).length;
  assert.match(evidenceOf(found, "process-no-filter")[0] ?? "", new RegExp(`in ${tasks} of ${tasks} threads`));
  assert.is(evidenceOf(found, "process-environment-secrets").length, 1);
  assert.is(evidenceOf(found, "process-writable-code").length, 1);
});

test("a process that is stopped, traced or a zombie is audited or told to be gone; none is waited for", async () => {
  const pid = await startHostile();
  process.kill(pid, "SIGSTOP");
  await auditWith(["--pid", String(pid)], place());
  assert.match(readFileSync(`/proc/${pid}/stat`, "latin1"), /\) T /, "it is stopped as before");
  process.kill(pid, "SIGCONT");
  const traced = spawn("strace", ["-o", join(folder, "traced"), "sleep", "600"], { stdio: "ignore" });
  children.push(traced);
  const tracee = (): string => readFileSync(`/proc/${traced.pid}/task/${traced.pid}/children`, "utf8").trim();
  await waitUntil(() => tracee() !== "" && /sleep/.test(readFileSync(`/proc/${tracee()}/comm`, "utf8")), "the traced program");
  const seen = await auditWith(["--pid", tracee()], place());
  assert.equal(evidenceOf(seen, "process-traced"), [`TracerPid of 1 threads: ${traced.pid}`]);
  assert.ok(
    seen.unknown.some(({ why }) => why.includes("filters could not be read")),
    JSON.stringify(seen.unknown),
  );
  const parent = spawn("sh", ["-c", "sleep 0 & exec sleep 600"], { stdio: "ignore" });
  children.push(parent);
  const zombie = (): string => readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim();
  await waitUntil(() => zombie() !== "" && /\) Z /.test(readFileSync(`/proc/${zombie()}/stat`, "latin1")), "the zombie");
  assert.is((await audit(["--pid", zombie()])).exitCode, 3);
});

test("a process that ends while it is read: a report or `gone`, and never a crash", async () => {
  for (const delayMs of [120, 180, 240, 300]) {
    const pid = await startHostile();
    const running = audit(["--pid", String(pid)]);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    process.kill(pid, "SIGKILL");
    const { exitCode, stderr } = await running;
    assert.ok(exitCode === 1 || exitCode === 3, `${exitCode}: ${stderr}`);
    assert.not.match(stderr, /internal error/);
  }
});

/** Calls that change a file system, another process or the host, when they succeed. */
const CHANGES =
  /^\d+ +(mkdir|rmdir|unlink|rename|link|symlink|chmod|fchmod|chown|fchown|truncate|ftruncate|mknod|mount|umount2|setxattr|fsetxattr|kill|tgkill|tkill|pidfd_send_signal|prlimit64|sched_setattr|setns|bpf|delete_module|init_module|process_vm_writev|utimensat)(at|at2)?\(.* = 0$/;
const OPENS_TO_WRITE = /^\d+ +(open|openat|openat2|creat)\(.*O_(WRONLY|RDWR|CREAT).* = \d+$/;
/** A program's own: the heap of its memory, its terminal, the event loop. */
const OWN = /prlimit64\((0|\d+), RLIMIT_\w+, NULL|"\/dev\/(null|tty)"|memfd/;

test("an audit writes nothing: no call that changes the host succeeds", async () => {
  const pid = await startHostile();
  const log = join(folder, "calls");
  const command = [process.execPath, join(buildRoot, "bundle/cli/main.js"), "audit", "--pid", String(pid)];
  try {
    execFileSync("strace", ["-f", "-qq", "-s", "256", "-o", log, ...command], { stdio: "ignore", env: place().environment });
  } catch (error) {
    assert.is((error as { status: number }).status, 1);
  }
  const calls = readFileSync(log, "latin1").split("\n");
  assert.ok(
    calls.some((call) => call.includes(`/proc/${pid}`)),
    "the calls were seen",
  );
  const changes = calls.filter((call) => (CHANGES.test(call) || OPENS_TO_WRITE.test(call)) && !OWN.test(call));
  assert.equal(changes, []);
});

test.run();
