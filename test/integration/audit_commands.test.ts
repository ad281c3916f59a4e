import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { CHECKS, findReportFault } from "../../src/audit/index.js";
import { assemble, writeProgram } from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { buildRoot, repositoryRoot } from "../support/repository.js";

/** Each run of the command takes some 0.3 s of CPU time. */
const test = suite("bulkhead audit", { timeoutMs: 60_000 });

const CORPUS = join(repositoryRoot, "test/support/audit/corpus");
const BLOCK_DEVICE = join(CORPUS, "block_device.policy");
const CONTAINER = join(CORPUS, "container.json");

let folder: string;
const at = (name: string): string => join(folder, name);

test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-audit-"));
  writeFileSync(at("traced.policy"), `${readFileSync(BLOCK_DEVICE, "utf8")}ptrace: 1\n`);
  writeFileSync(at("kernel.policy"), `${readFileSync(BLOCK_DEVICE, "utf8")}reboot: 1\n`);
  const program = (...lines: readonly string[]) => writeProgram(assemble(lines.join("\n"), "test")).bytes;
  const ends = ["dead: return KILL", "ok: return ALLOW"];
  writeFileSync(at("number.bpf"), program("A = sys_number", "A == read ? ok : dead", ...ends));
  writeFileSync(at("arch.bpf"), program("A = arch", "A == ARCH_X86_64 ? ok : dead", ...ends));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Ran {
  const command = [join(buildRoot, "bundle/cli/main.js"), "audit", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: "utf8",
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { status, stdout, stderr };
}

interface Report {
  readonly target: string;
  readonly exposure: number;
  readonly findings: readonly {
    readonly subject: string;
    readonly id: string;
    readonly severity: string;
    readonly location?: { readonly file: string; readonly line: number };
  }[];
  readonly unknown: readonly { readonly why: string }[];
  readonly grants?: readonly { readonly grant: string; readonly from: string; readonly why: string }[];
}

function audit(...args: readonly string[]): Report & { readonly status: number | null } {
  const { status, stdout, stderr } = run(...args, "--format", "json");
  assert.ok(stdout.startsWith("{"), stderr);
  const report = JSON.parse(stdout) as Report;
  assert.is(findReportFault(report), null);
  return { ...report, status };
}

const idsOf = ({ findings }: Report): string[] => findings.map(({ id }) => id);

test("a clean policy: 0; a finding: 1, with the line that causes it; --fail-on: only from there on", () => {
  assert.equal([audit(BLOCK_DEVICE).status, audit(BLOCK_DEVICE).findings], [0, []]);
  const traced = audit("traced.policy");
  assert.equal([traced.status, idsOf(traced)], [1, ["seccomp-other-processes"]]);
  const lines = readFileSync(at("traced.policy"), "utf8").split("\n");
  assert.is(traced.findings[0]?.location?.file, "traced.policy");
  assert.is(lines[(traced.findings[0]?.location?.line ?? 0) - 1], "ptrace: 1");
  assert.is(audit("traced.policy", "--fail-on", "critical").status, 0);
  assert.is(audit("traced.policy", "--fail-on", "high").status, 1);
});

test("an OCI profile: each finding at the line that names the call", () => {
  const text = readFileSync(CONTAINER, "utf8").replace('"read",', '"read",\n        "bpf",');
  writeFileSync(at("profile.json"), text);
  const [finding] = audit("profile.json").findings;
  assert.is(finding?.id, "seccomp-kernel-surface");
  assert.match(text.split("\n")[(finding?.location?.line ?? 0) - 1] ?? "", /"bpf"/);
});

test("what an import cannot express is unknown, and fails where that is asked for", () => {
  writeFileSync(at("flags.json"), readFileSync(CONTAINER, "utf8").replace("{", '{"flags": ["SECCOMP_FILTER_FLAG_LOG"],'));
  const report = audit("flags.json");
  assert.equal([report.status, report.unknown.length], [0, 1]);
  assert.match(report.unknown[0]?.why ?? "", /flags belong to loading/);
  assert.is(audit("flags.json", "--fail-on-unknown").status, 1);
});

test("a seccompiler file with several threads: each is judged, at its own lines", () => {
  const one = JSON.parse(readFileSync(join(CORPUS, "microvm.json"), "utf8")) as { vmm: { filter: object[] } };
  const vcpu = { ...one.vmm, filter: [...one.vmm.filter, { syscall: "ptrace" }] };
  const text = JSON.stringify({ ...one, vcpu }, null, 2);
  writeFileSync(at("threads.json"), text);
  const { findings } = audit("threads.json");
  assert.equal(
    findings.map(({ id }) => id),
    ["seccomp-other-processes"],
  );
  assert.match(text.split("\n")[(findings[0]?.location?.line ?? 0) - 1] ?? "", /"ptrace"/);
  assert.equal(audit("threads.json", "--thread", "vmm").findings, []);
});

test("a program alone, and below another: the stack is judged by what it answers together", () => {
  assert.equal(idsOf(audit("number.bpf")), ["seccomp-arch-unchecked"]);
  assert.ok(idsOf(audit("arch.bpf")).includes("seccomp-x32-open"));
  const stack = audit("arch.bpf", "--stack", "number.bpf");
  assert.equal([stack.status, stack.findings], [0, []]);
});

test("a program beside a policy: proved to be it, or a call that shows that it is not", () => {
  writeFileSync(at("reads.policy"), "read: 1\n");
  const differing = audit("number.bpf", "--policy", "reads.policy");
  assert.equal(idsOf(differing), ["seccomp-arch-unchecked", "seccomp-differs-from-policy"]);
  const compiled = spawnSync(
    process.execPath,
    [join(buildRoot, "bundle/cli/main.js"), "seccomp", "compile", "reads.policy", "--output", "reads.bpf"],
    { cwd: folder },
  );
  assert.is(compiled.status, 0);
  assert.equal(audit("reads.bpf", "--policy", "reads.policy").findings, []);
});

test("a role of ours: each grant with its rule and its reason; grants that nobody measured are low", () => {
  const role = join(repositoryRoot, "policies/roles/disk.yaml");
  const report = audit(role, "--grants", "--fail-on", "medium");
  assert.is(report.status, 0);
  assert.equal([...new Set(report.findings.map(({ id, severity }) => `${severity} ${id}`))], ["low policy-grant-unused"]);
  const grant = report.grants?.find(({ grant: words }) => words.startsWith("fdatasync"));
  assert.match(grant?.from ?? "", /policies\/sets\/block-io\.yaml:\d+$/);
  assert.is.not(grant?.why, "");
  assert.is(audit(role).grants, undefined);
});

const VM_FILE = `name: audited1
machine: {memory: 64M, cpus: 1, accel: auto}
boot: {disk: disk0}
console: {serial: none}
devices:
  - {id: disk0, role: disk, model: lsi53c895a, disk: {file: absent.img, format: raw}}
`;

test("a VM file without its image: its roles are judged, and that it cannot be planned is unknown", () => {
  writeFileSync(at("web1.yaml"), VM_FILE);
  const report = audit("web1.yaml", "--fail-on", "medium");
  assert.is(report.status, 0);
  assert.match(report.unknown.find(({ why }) => why.includes("absent.img"))?.why ?? "", /ENOENT/);
  assert.ok(idsOf(report).includes("policy-grant-unused"));
});

test("the module in CIL: what it does not do is said, and nothing else", () => {
  const report = audit(join(repositoryRoot, "selinux/bulkhead.cil"));
  const told = report.findings.map(({ id, severity, subject }) => `${severity} ${id} ${subject.split(": ")[1]?.split(",")[0]}`);
  assert.equal(told.sort(), [
    // It keeps fds of all categories of its VM, and runs where its launcher was started.
    "high selinux-mcs-unconstrained bulkhead_keeper_t",
    "low selinux-mcs-unconstrained bulkhead_t",
    "low selinux-unconstrained-reach bulkhead_device_domain",
    "low selinux-unconstrained-reach bulkhead_domain",
    "low selinux-unconstrained-reach bulkhead_supervising",
  ]);
  assert.match(report.unknown[0]?.why ?? "", /compile it with secilc/);
});

test("--baseline: only what is new; --exemptions: what is accepted; --output: the report in a file", () => {
  assert.is(run("traced.policy", "--format", "json", "--output", "old.json").stdout, "");
  assert.is(audit("traced.policy", "--baseline", "old.json").status, 0);
  writeFileSync(at("traced.policy"), `${readFileSync(at("traced.policy"), "utf8")}reboot: 1\n`);
  assert.equal(idsOf(audit("traced.policy", "--baseline", "old.json")), ["seccomp-kernel-surface"]);
  writeFileSync(at("accepted.yaml"), "exemptions:\n  - {id: seccomp-kernel-surface, reason: it reboots, expires: 2100-01-01}\n");
  assert.is(audit("kernel.policy", "--exemptions", "accepted.yaml").status, 0);
});

for (const [what, args, message] of [
  ["no target", [], /no target/],
  ["a target that there is not", ["absent.policy"], /absent\.policy"? is (no|neither a) file/],
  ["a format that there is not", ["number.bpf", "--format", "yaml"], /format/],
  ["a severity that there is not", ["number.bpf", "--fail-on", "grave"], /fail-on/],
  ["a pid that is none", ["--pid", "x"], /number of a process/],
  ["a baseline that is none", ["number.bpf", "--baseline", "number.bpf"], /baseline-malformed|Cannot read the baseline/],
  ["exemptions that are none", ["number.bpf", "--exemptions", "number.bpf"], /number\.bpf:1/],
  ["a policy beside a policy", ["kernel.policy", "--policy", "traced.policy"], /Cannot use --policy: the target is no program/],
  ["a malformed program", ["short.bpf"], /struct sock_filter/],
  ["a misspelled syscall", ["typo.policy"], /no syscall "opnat"/],
  ["a check that there is not", ["explain", "seccomp-x32-opne"], /did you mean "seccomp-x32-open"/],
] as const) {
  test(`${what}: 2, one message, no report`, () => {
    writeFileSync(at("short.bpf"), Buffer.from([0x06, 0, 0]));
    writeFileSync(at("typo.policy"), "opnat: 1\n");
    const { status, stdout, stderr } = run(...args, ...(args[0] === "explain" ? [] : ["--output", "report.txt"]));
    assert.equal([status, stdout], [2, ""], stderr);
    assert.match(stderr, message);
    assert.not.match(stderr, /internal error/);
    assert.not.ok(existsSync(at("report.txt")), "a report was left behind");
  });
}

test("checks and explain: every check by its id, one in full", () => {
  const listed = run("checks");
  assert.is(listed.status, 0);
  for (const { id } of CHECKS) assert.match(listed.stdout, new RegExp(`^${id} `, "m"));
  const { checks } = JSON.parse(run("checks", "--json").stdout) as { checks: readonly { readonly id: string }[] };
  assert.is(checks.length, CHECKS.length);
  const explained = run("explain", "seccomp-x32-open");
  assert.is(explained.status, 0);
  for (const word of ["Severity", "Why", "Remedy", "Source", "Needs"])
    assert.match(explained.stdout, new RegExp(`^${word} +\\S`, "m"));
});

test.run();
