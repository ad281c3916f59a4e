import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { buildRoot, repositoryRoot } from "../support/repository.js";
import { compileVictim } from "../support/victim/compile_victim.js";

const test = suite("bulkhead seccomp", { needs: ["root"], timeoutMs: 60_000 });

const DISK = join(repositoryRoot, "policies/roles/disk.yaml");
const NET = join(repositoryRoot, "policies/roles/net.yaml");
const READ_ONLY =
  "set: tiny\nsummary: Reads.\nseccomp:\n  run:\n    - read: {fd: 0, why: it reads}\n    - exit_group: {why: it ends}\n";

let folder: string;
const at = (name: string): string => join(folder, name);

test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-seccomp-"));
  writeFileSync(at("tiny.yaml"), READ_ONLY);
  assert.is(run("compile", at("tiny.yaml"), "--output", at("tiny.bpf")).status, 0);
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

function runWith(input: Buffer | string, ...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(buildRoot, "bundle/cli/main.js"), "seccomp", ...args], {
    input,
  });
  return { status, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8"), bytes: stdout };
}

const run = (...args: string[]): Ran => runWith("", ...args);

function json(...args: string[]): unknown {
  return JSON.parse(run(...args, "--json").stdout);
}

/** Bad input: exit 2, one message on stderr, nothing on stdout. */
function expectBadInput(ran: Ran, message: RegExp): void {
  assert.equal([ran.status, ran.stdout], [2, ""], ran.stderr);
  assert.match(ran.stderr, message);
  assert.not.match(ran.stderr, /internal error/);
}

test("compile, then prove: equal and 0; against another policy: 1 and a call that shows it, which emulate confirms", () => {
  const compiled = run("compile", DISK, "--output", at("disk.bpf"));
  assert.equal([compiled.status, compiled.stdout], [0, ""]);
  assert.equal(json("prove", DISK, at("disk.bpf")), { equal: true });
  const failed = run("prove", NET, at("disk.bpf"), "--json");
  assert.is(failed.status, 1);
  const { equal, counterexample } = JSON.parse(failed.stdout) as {
    equal: boolean;
    counterexample: { nr: number; args: string[]; policy: string; program: string; direction: string };
  };
  assert.is(equal, false);
  assert.equal([counterexample.args.length, counterexample.direction, counterexample.policy], [6, "weaker", "kill-process"]);
  const emulated = json("emulate", at("disk.bpf"), String(counterexample.nr), ...counterexample.args) as { action: string };
  assert.is(emulated.action, counterexample.program);
});

test("compile --json: says which generator made it, why, and what the others cost", () => {
  const compiled = json("compile", DISK) as {
    generator: string;
    why: string;
    candidates: { generator: string }[];
    program: string;
  };
  assert.is(compiled.generator, "bulkhead");
  assert.match(compiled.why, /bulkhead [\d.]+, libseccomp [\d.]+, libseccomp-tree [\d.]+/);
  assert.equal(
    compiled.candidates.map(({ generator }) => generator),
    ["bulkhead", "libseccomp", "libseccomp-tree"],
  );
  const ran = runWith(Buffer.from(compiled.program, "base64"), "prove", DISK, "-");
  assert.is(ran.status, 0);
});

test("policies on standard input, of every format, told by their content", () => {
  const policies = {
    bulkhead: READ_ONLY,
    minijail: "read: arg0 in 0xffffffff00000000\nexit_group: 1\n",
    oci: '{"defaultAction":"SCMP_ACT_KILL_PROCESS","syscalls":[{"names":["exit_group"],"action":"SCMP_ACT_ALLOW"},{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":4294967295,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}',
    seccompiler:
      '{"t":{"default_action":"kill_process","filter_action":"allow","filter":[{"syscall":"exit_group"},{"syscall":"read","args":[{"index":0,"type":"dword","op":"eq","val":0}]}]}}',
  };
  for (const [format, text] of Object.entries(policies)) {
    for (const from of [[], ["--from", format]]) {
      const proved = runWith(text, "prove", ...from, "-", at("tiny.bpf"));
      assert.equal(
        [proved.status, proved.stdout],
        [0, "equal: the program answers every call as the policy says\n"],
        `${format} ${proved.stderr}`,
      );
    }
  }
});

test("compile --output -: the program itself; what is lost is refused, or named with --lossy", () => {
  const profile = '{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],"syscalls":[]}';
  expectBadInput(
    runWith(profile, "compile", "-", "--output", "-"),
    /standard input: cannot be expressed exactly: calls of SCMP_ARCH_X86 kill/,
  );
  const lossy = runWith(profile, "compile", "-", "--output", "-", "--lossy");
  assert.is(lossy.status, 0);
  assert.is(lossy.bytes.length % 8, 0);
  assert.match(lossy.stderr, /lost: calls of SCMP_ARCH_X86 kill/);
  const disguised = runWith(
    '{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["\\u001b[2J"],"action":"SCMP_ACT_ALLOW"}]}',
    "compile",
    "-",
  );
  assert.is(disguised.status, 0);
  assert.not.ok(disguised.stderr.includes("\u001b"));
});

test("disasm and asm: there and back, from files and standard input", () => {
  const listing = run("disasm", at("tiny.bpf"));
  assert.match(listing.stdout, /^ line {2}CODE {2}JT {3}JF {6}K\n=+\n 0000: 0x20 0x00 0x00 0x00000004 {2}A = arch\n/);
  assert.equal(runWith(listing.stdout, "asm", "-").bytes, readFileSync(at("tiny.bpf")));
  assert.match(run("asm", at("tiny.bpf")).stderr, /tiny\.bpf:1: /);
  const lines = json("disasm", at("tiny.bpf")) as { text: string; k: number }[];
  assert.equal([lines[0]?.text, lines[0]?.k], ["A = arch", 4]);
});

test("emulate: names, numbers, decimal, hexadecimal and negative arguments of 64 bits", () => {
  const listing =
    "A = sys_number\nif (A != openat) goto no\nA = args[0]\nif (A != AT_FDCWD) goto no\nA = args[0] >> 32\nif (A != 0xffffffff) goto no\nreturn ERRNO(7)\nno: return KILL_PROCESS";
  writeFileSync(at("at.bpf"), runWith(listing, "asm", "-").bytes);
  const hit = { action: "errno", data: 7, line: 6 };
  const miss = { action: "kill-process", data: 0, line: 7 };
  for (const [args, wanted] of [
    [["openat", "-100", "0"], hit],
    [["257", "0xffffffffffffff9c"], hit],
    [["0x101", "18446744073709551516"], hit],
    [["openat", "4294967196"], miss],
    [["read", "-100"], miss],
  ] as const) {
    assert.equal(json("emulate", at("at.bpf"), ...args), wanted, args.join(" "));
  }
  assert.match(run("emulate", at("at.bpf"), "openat", "-100").stdout, /^return ERRNO\(7\) at line 0006\n/);
  assert.is((json("emulate", "--arch", "0x40000003", at("tiny.bpf"), "0") as { action: string }).action, "kill-process");
});

test("compare: equal is 0; different is 1, with the calls in words", () => {
  assert.equal(json("compare", at("tiny.yaml"), at("tiny.bpf")), { relation: "equal", changes: [] });
  const compared = run("compare", at("tiny.yaml"), DISK, "--phases", "run");
  assert.is(compared.status, 1);
  assert.match(compared.stdout, /^A is within B: .*\n {2}weaker {4}read: A kill-process, B allow when /);
  assert.is(run("compare", at("tiny.bpf"), at("at.bpf")).status, 1);
});

test("convert: to another format and back means the same; what it cannot say is refused", () => {
  for (const to of ["minijail", "oci", "seccompiler"]) {
    const { stdout } = run("convert", "--to", to, at("tiny.yaml"));
    assert.is(runWith(stdout, "prove", "--from", to, "-", at("tiny.bpf")).status, 0, to);
  }
  expectBadInput(run("convert", "--to", "seccompiler", DISK), /Cannot express the policy exactly as seccompiler: .*--lossy/);
  const lossy = run("convert", "--to", "seccompiler", "--lossy", "--phases", "run", DISK);
  assert.is(lossy.status, 0);
  assert.match(lossy.stderr, /lost: clone3 would answer errno 38 and answers kill-process/);
});

test("bad input: exit 2, one good message, nothing on standard output", () => {
  writeFileSync(at("bad.yaml"), "set: bad\nsummary: Bad.\nseccomp:\n  run:\n    - opnat: {why: no}\n");
  writeFileSync(
    at("clash.policy"),
    '{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"},{"names":["read"],"action":"SCMP_ACT_ERRNO"}]}',
  );
  writeFileSync(at("bad.bpf"), Buffer.alloc(8, 0xff));
  expectBadInput(run("compile", at("bad.yaml")), /bad\.yaml:5:7: no syscall "opnat" on x86_64; did you mean "openat"\?/);
  expectBadInput(run("compile", at("clash.policy")), /answer .*differently/);
  writeFileSync(at("nameless.yaml"), "summary: Reads.\nseccomp:\n  run: []\n");
  expectBadInput(run("compile", at("nameless.yaml")), /nameless\.yaml:1:1: a policy begins with its name/);
  expectBadInput(run("compile", at("missing.yaml")), /Cannot read .*missing\.yaml: ENOENT/);
  expectBadInput(run("compile", folder), /not a regular file/);
  expectBadInput(run("compile", "--from", "yaml", at("tiny.yaml")), /It is one of bulkhead, minijail, oci, seccompiler/);
  expectBadInput(run("emulate", at("tiny.bpf"), "opnat"), /did you mean "openat"/);
  expectBadInput(run("emulate", at("tiny.bpf"), "read", "0x1ffffffffffffffff"), /not a number|fit 64 bits/);
  expectBadInput(run("emulate", at("tiny.bpf"), "read", "--jsn"), /"--jsn"/);
  expectBadInput(run("emulate", at("tiny.bpf"), "read", ..."1234567"), /at most 6 arguments/);
  expectBadInput(run("prove", at("tiny.yaml"), at("bad.bpf")), /bad\.bpf is no seccomp filter: instruction 0: opcode/);
  expectBadInput(runWith(Buffer.alloc(12), "disasm", "-"), /12 bytes are no array/);
  expectBadInput(run("dump", "--pid", "x"), /number from 1/);
});

test("dump: the filter of a running process, as it was loaded", async () => {
  const victim = compileVictim("one_call");
  try {
    run("compile", "--phases", "run", DISK, "--output", at("run.bpf"));
    // 7 is poll: with nothing to wait for and no timeout it stays.
    const child = spawn(victim.path, [at("run.bpf"), "syscall", "7", "0", "0", "-1"], { stdio: "ignore" });
    try {
      while (!/Seccomp:\s+2/.test(readFileSync(`/proc/${child.pid}/status`, "utf8")))
        await new Promise((resolve) => setTimeout(resolve, 5));
      const dumped = run("dump", "--pid", String(child.pid), "--output", "-");
      assert.equal([dumped.status, dumped.stderr], [0, ""]);
      assert.equal(dumped.bytes, readFileSync(at("run.bpf")));
    } finally {
      child.kill("SIGKILL");
    }
  } finally {
    victim.remove();
  }
});

test("--help: every command has examples", () => {
  const names = ["compile", "prove", "disasm", "asm", "emulate", "compare", "dump", "convert"];
  for (const name of [[], ...names.map((one) => [one])])
    assert.match(run(...name, "--help").stdout, /Examples:\n {2}/, name.join());
});

test.run();
