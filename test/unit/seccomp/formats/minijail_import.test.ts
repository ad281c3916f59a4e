import * as assert from "uvu/assert";
import { findConstant, importMinijail } from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { ask, problemOf } from "./imported_answers.js";

const test = suite("policies of minijail");

const file = "x.policy";
const value = (name: string): bigint => findConstant(name)?.value ?? -1n;

const VM_POLICY = `# A VM's disk process
@default kill-process
read: 1
write: allow
{pread64, pwrite64}: 1
ioctl: arg1 == KVM_RUN || \\
       arg1 == 0x5401
mmap: arg2 in ~PROT_EXEC || arg2 in ~PROT_WRITE
madvise: arg2 == MADV_DONTNEED || arg2 & 0x40
fcntl: { arg1 == F_SETFL; return EPERM, arg1 == F_GETFL, arg1 >= 1024 && arg1 < 010000 }
clone: { arg0 & CLONE_THREAD, return ENOSYS }
open[arch=arm]: 1
kill: kill-thread
socket: trap; # nothing behind it`;

test("minijail: a policy as VM monitors have it", () => {
  const text = VM_POLICY.replace("socket: trap; #", "socket: trap #");
  const imported = importMinijail({ file, text });
  assert.equal(imported.losses, []);
  const answers: readonly (readonly [string, readonly bigint[], string])[] = [
    ["read", [], "allow"],
    ["pwrite64", [1n], "allow"],
    ["ioctl", [0n, value("KVM_RUN")], "allow"],
    ["ioctl", [0n, 0x5401n | (1n << 32n)], "kill-process"],
    ["mmap", [0n, 0n, 5n], "allow"],
    ["mmap", [0n, 0n, 3n], "allow"],
    ["mmap", [0n, 0n, 7n], "kill-process"],
    ["madvise", [0n, 0n, 0x41n], "allow"],
    ["madvise", [0n, 0n, 3n], "kill-process"],
    ["fcntl", [0n, 4n], "errno 1"],
    ["fcntl", [0n, 3n], "allow"],
    ["fcntl", [0n, 4095n], "allow"],
    ["fcntl", [0n, 4096n], "kill-process"],
    ["clone", [value("CLONE_THREAD") | 1n], "allow"],
    ["clone", [1n], "errno 38"],
    ["open", [], "kill-process"],
    ["kill", [], "kill-thread"],
    ["socket", [], "trap"],
  ];
  for (const [syscall, args, wanted] of answers) assert.is(ask(imported, syscall, ...args), wanted, `${syscall}(${args})`);
});

test("minijail: the first filter that matches decides, whatever follows", () => {
  const imported = importMinijail({
    file,
    text: "read: { arg0 == 1 || arg1 == 2; return 5, arg0 < 9 && arg2 != 3; log, allow }",
  });
  assert.is(ask(imported, "read", 1n, 0n, 0n), "errno 5");
  assert.is(ask(imported, "read", 8n, 2n, 0n), "errno 5");
  assert.is(ask(imported, "read", 8n, 0n, 0n), "log");
  assert.is(ask(imported, "read", 8n, 0n, 3n), "allow");
  assert.is(ask(imported, "read", 9n, 0n, 0n), "allow");
});

test("minijail: a deny list allows the rest, and an include is read beside the policy", () => {
  const readInclude = (path: string) => (path === "./base.policy" ? "ptrace: return EPERM\n" : undefined);
  const imported = importMinijail({ file, text: "@denylist\n@include ./base.policy\nbpf: return 38", readInclude });
  assert.equal(
    ["ptrace", "bpf", "read"].map((name) => ask(imported, name)),
    ["errno 1", "errno 38", "allow"],
  );
});

for (const [text, problem] of [
  ["# nothing", /x\.policy:1: no rule/],
  ["opnat: 1", /x\.policy:1:1: no syscall "opnat"/],
  ["read: arg6 == 1", /1:7: "arg6" is none of arg0 to arg5/],
  ["read: arg0 = 1", /no comparison "="/],
  ["read: arg0 == (1 | 2", /"\)" is missing/],
  ["read: 1 1", /1:9: "1" was not expected here/],
  ["read: 1\nread: 1", /2:.*read is answered in line 1 already/],
  ["read: arg0 == NO_SUCH", /no constant "NO_SUCH"/],
  ["read: arg0 == 0x10000000000000000", /does not fit 64 bits/],
  [`read: arg0 == ${"(".repeat(10_000)}`, /too many parentheses/],
  ["@include ./other.policy", /cannot be read from here/],
  ["net@systemd: 1", /group net@systemd is minijail's own/],
  ["read: \u0007", /1:7: no word or sign/],
] as const) {
  test(`minijail: refused with line and column: ${text.slice(0, 40)}`, () => {
    assert.match(
      problemOf(() => importMinijail({ file, text })),
      problem,
    );
  });
}

test("minijail: a file that includes itself, and filters that multiply, end", () => {
  const text = "@include ./x.policy";
  assert.match(
    problemOf(() => importMinijail({ file, text, readInclude: () => text })),
    /too many includes/,
  );
  const clauses = Array.from({ length: 12 }, (_, index) => `arg0 == ${index} && arg1 == ${index} && arg2 == ${index}`).join(
    " || ",
  );
  assert.match(
    problemOf(() => importMinijail({ file, text: `read: { ${clauses}; return 1, allow }` })),
    /multiply to too many rules/,
  );
});

test.run();
