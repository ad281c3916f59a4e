import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ComplianceReport } from "../../src/compliance/index.js";
import { suite } from "../support/harness.js";
import { cgroupMount, type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { runBulkhead, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("the compliance suite", { needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"], timeoutMs: 120_000 });

let fixture: MachineFixture;
/** Controls of a user's own, in the format of those that come with Bulkhead. */
let own: string;
test.before(async () => {
  fixture = await makeFixture({ refusals: "expected" });
  own = join(fixture.directory, "own");
  mkdirSync(own);
  const head = (id: string, title: string) => `id: ${id}\ngroup: own\ntitle: ${title}\nthreat: none\nlayers: [seccomp]\n`;
  const twin = "twin: {title: ask for its pid, steps: [{call: getpid}]}\n";
  writeFileSync(join(own, "hangs.yaml"), `${head("OWN-01", "loop for ever")}act: [{spin: true}]\n${twin}`);
  writeFileSync(join(own, "allowed.yaml"), `${head("OWN-02", "ask for its thread id")}act: [{call: gettid}]\n${twin}`);
  const noTwin = twin.replace("getpid", "getppid");
  writeFileSync(
    join(own, "twin.yaml"),
    `${head("OWN-03", "make a socket")}act: [{call: socket, args: [AF_UNIX, SOCK_STREAM, 0]}]\n${noTwin}`,
  );
  writeFileSync(
    join(own, "errno.yaml"),
    `${head("OWN-04", "name its thread")}constants: [{name: PR_SET_NAME_, value: 15, header: linux/prctl.h}]\nact: [{call: prctl, args: [PR_SET_NAME_, "text:x"]}]\n${twin}`,
  );
});
test.after(() => fixture.remove());

interface Ended {
  readonly exitCode: number | null;
  readonly report: ComplianceReport;
  readonly lines: readonly string[];
}

async function comply(...args: readonly string[]): Promise<Ended> {
  const { exitCode, stdout, stderr } = await runBulkhead(["comply", "--format", "json", ...args], fixture);
  if (stdout === "") throw new Error(stderr);
  assert.equal(leftovers(), []);
  return { exitCode, report: JSON.parse(stdout) as ComplianceReport, lines: stderr.trimEnd().split("\n") };
}

/** Pids of suites that this file started and looks at while they run. */
const started: number[] = [];

/** VMs on record, their images and groups: of this fixture's state, and of the suite by name. */
function leftovers(): string[] {
  const groups = `${cgroupMount()}/bulkhead`;
  const named = existsSync(groups) ? readdirSync(groups) : [];
  const images = `${fixture.directory}/run/compliance`;
  const ofOurs = named.filter((name) => started.some((pid) => name.startsWith(`comply-${pid}-`)));
  return [...fixture.leftovers(), ...ofOurs, ...(existsSync(images) ? readdirSync(images) : [])];
}

const only = (...ids: readonly string[]) => ids.flatMap((id) => ["--control", id]);

test("comply: a process that attacks is refused, by a layer that the kernel names, and its neighbour works on", async () => {
  const { exitCode, report } = await comply("--role", "disk", ...only("PRO-01"));
  assert.is(exitCode, 0);
  const [control] = report.controls;
  assert.equal([control?.id, control?.role, control?.verdict, control?.layer], ["PRO-01", "disk", "passed", "seccomp"]);
  assert.match(control?.evidence[0] ?? "", "SIGSYS: its seccomp filter refused ptrace");
  assert.match(control?.evidence.at(-1) ?? "", "the process beside it went on");
});

test("comply: the plans of hostile process and QEMU differ in the program's file alone", async () => {
  const { report } = await comply("--role", "net", ...only("NET-01"));
  const [{ differences } = { differences: [] }] = report.plans;
  assert.is(differences.length, 2);
  assert.match(differences[0] ?? "", /^root\.\/\.source: .*\/roots\/[0-9a-f]{64} -> .*\/roots\/[0-9a-f]{64}$/);
  assert.match(differences[1] ?? "", /^root\.\/usr\/bin\/qemu-system-x86_64\.source: .*qemu-system-x86_64 -> .*hostile_device$/);
});

test("comply: a process in the VMM's place is refused and told of, and goes on with its work", async () => {
  const { exitCode, report } = await comply("--role", "vmm", ...only("FIL-01"));
  assert.is(exitCode, 0);
  const [control] = report.controls;
  assert.equal([control?.role, control?.verdict, control?.layer], ["vmm", "passed", "seccomp"]);
  assert.match(control?.evidence[0] ?? "", "openat: EPERM, as its listener was told");
});

test("comply: an errno alone credits nobody; two launches that differ in one layer do", async () => {
  const { exitCode, report } = await comply("--role", "disk", ...only("RES-01"));
  assert.is(exitCode, 0);
  assert.is(report.controls[0]?.layer, "rlimits");
  assert.match(report.controls[0]?.evidence.join("; ") ?? "", /eventfd2: EMFILE.*without rlimits alone it succeeds/);
});

test("comply: a sandbox without its filter fails, and so does one without its limits", async () => {
  const unfiltered = await comply("--role", "disk", ...only("NET-03"), "--without", "seccomp");
  assert.is(unfiltered.exitCode, 1);
  assert.equal(
    unfiltered.report.controls.map(({ verdict, evidence }) => [verdict, evidence[0]]),
    [["failed", "the act succeeded"]],
  );
  const unlimited = await comply("--role", "disk", ...only("RES-01"), "--without", "rlimits");
  assert.is(unlimited.exitCode, 1);
  assert.is(unlimited.report.controls[0]?.verdict, "failed");
});

test("comply: a user's controls; one that hangs is broken, one that is allowed and one whose twin is not have failed", async () => {
  const ids = ["OWN-01", "OWN-02", "OWN-03", "OWN-04"];
  const { exitCode, report } = await comply("--role", "usb", "--controls", own, ...only(...ids));
  assert.is(exitCode, 1);
  const verdicts = report.controls.map(({ id, verdict, layer }) => [id, verdict, layer]);
  assert.equal(verdicts, [
    ["OWN-01", "broken", null],
    ["OWN-02", "failed", null],
    ["OWN-03", "failed", null],
    ["OWN-04", "passed", "seccomp"],
  ]);
  assert.match(report.controls[2]?.evidence[0] ?? "", "what must succeed does not: ask for its pid");
});

test("comply: twice on one host gives the same verdicts and the same layers", async () => {
  const shorten = ({ report }: Ended) => report.controls.map(({ id, role, verdict, layer }) => [id, role, verdict, layer]);
  const args = ["--role", "serial", ...only("PRO-01", "MEM-02", "SYS-01", "RES-02")];
  assert.equal(shorten(await comply(...args)), shorten(await comply(...args)));
});

test("comply: interrupted, and killed, it leaves nothing", async () => {
  const begin = async () => {
    const run = startBulkhead(["comply", "--role", "vmm"], fixture);
    started.push(run.child.pid ?? 0);
    await waitUntil(() => run.output().includes("passed"), "the first verdict", 60_000);
    return run;
  };
  const interrupted = await begin();
  interrupted.child.kill("SIGTERM");
  assert.is((await interrupted.finished).exitCode, 3);
  assert.equal(leftovers(), []);
  const killed = await begin();
  killed.child.kill("SIGKILL");
  await killed.finished;
  // The next suite, or any launch, or gc, finds what it left.
  await comply("--role", "disk", ...only("PRO-01"));
});

test("comply: bad input is one message, and 2", async () => {
  const failure = async (...args: readonly string[]) => {
    const { exitCode, stderr } = await runBulkhead(["comply", ...args], fixture);
    return [exitCode, stderr.trimEnd().split("\n").length, stderr] as const;
  };
  for (const [args, words] of [
    [["--role", "dsk"], 'no role "dsk"; did you mean "disk"'],
    [["--control", "PRO-999"], 'no control "PRO-999"'],
    [["--controls", join(fixture.directory, "none")], "folder of controls"],
    [["explain", "PRO-999"], 'no control "PRO-999"'],
    [["--profile", "lab", "--vm", "x.yaml"], "the lab has none of this host's files"],
  ] as const) {
    const [exitCode, lines, text] = await failure(...args);
    assert.equal([exitCode, lines], [2, 1], text);
    assert.match(text, words);
  }
});

test.run();
