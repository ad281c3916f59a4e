import * as assert from "uvu/assert";
import { acceptImport, importOci, importSeccompiler } from "../../../../src/seccomp/index.js";
import { suite } from "../../../support/harness.js";
import { ask, problemOf } from "./imported_answers.js";

const test = suite("policies of OCI and seccompiler");

const file = "x.json";
const BIG = 0xffffffffffffffffn;

const OCI = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [
    { names: ["read", "write", "_llseek"], action: "SCMP_ACT_ALLOW" },
    { names: ["personality"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 0xffffffff, op: "SCMP_CMP_EQ" }] },
    {
      names: ["clone"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
    },
    { names: ["socket"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 40, op: "SCMP_CMP_NE" }] },
    { name: "ptrace", action: "SCMP_ACT_ERRNO", errnoRet: 1 },
    {
      names: ["mmap"],
      action: "SCMP_ACT_ALLOW",
      args: [
        { index: 2, value: 1, op: "SCMP_CMP_EQ" },
        { index: 2, value: 3, op: "SCMP_CMP_EQ" },
      ],
    },
  ],
};

test("OCI: a profile as container runtimes have it", () => {
  const imported = importOci({ file, text: JSON.stringify(OCI) });
  assert.equal([imported.losses, imported.notes], [[], ["no syscalls of x86-64, left out: _llseek"]]);
  assert.is(ask(imported, "write"), "allow");
  assert.is(ask(imported, "openat"), "errno 38");
  assert.equal(
    [0xffffffffn, BIG].map((arg) => ask(imported, "personality", arg)),
    ["allow", "errno 38"],
  );
  assert.equal(
    [0x3d0f00n, 0x10000000n].map((arg) => ask(imported, "clone", arg)),
    ["allow", "errno 38"],
  );
  assert.equal(
    [2n, 40n].map((arg) => ask(imported, "socket", arg)),
    ["allow", "errno 38"],
  );
  assert.is(ask(imported, "ptrace"), "errno 1");
  // Two conditions on one argument are alternatives, as in runc.
  assert.equal(
    [1n, 2n, 3n].map((arg) => ask(imported, "mmap", 0n, 0n, arg)),
    ["allow", "errno 38", "allow"],
  );
});

test("OCI: numbers of 64 bits stay exact", () => {
  const text = `{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","comment":"1234567890123456789",
    "args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"},{"index":1,"value":9007199254740993,"op":"SCMP_CMP_EQ"}]}]}`;
  const imported = importOci({ file, text });
  assert.is(ask(imported, "read", BIG, 9007199254740993n), "allow");
  assert.is(ask(imported, "read", BIG, 9007199254740992n), "kill-thread");
});

test("OCI: what cannot be kept is named, and refused unless accepted", () => {
  const text = JSON.stringify({
    ...OCI,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["bpf"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_BPF"] } },
      { names: ["clone"], action: "SCMP_ACT_ERRNO", excludes: { caps: ["CAP_SYS_ADMIN"] } },
    ],
  });
  const imported = importOci({ file, text });
  assert.is(imported.losses.length, 4, imported.losses.join("\n"));
  // Stricter where a filter cannot see the condition.
  assert.equal([ask(imported, "bpf"), ask(imported, "clone")], ["errno 38", "errno 1"]);
  assert.is(acceptImport(imported, { file, lossy: true }), imported.policy);
  assert.throws(() => acceptImport(imported, { file, lossy: false }), /SCMP_ARCH_X86 kill.*flags.*--lossy/);
});

for (const [text, problem] of [
  ["{", /x\.json:1: not JSON/],
  ["[]", /must be an object/],
  ['{"defaultAction":"SCMP_ACT_MAYBE"}', /defaultAction: no action "SCMP_ACT_MAYBE"/],
  ['{"defaultAction":"SCMP_ACT_KILL","sycalls":[]}', /no key "sycalls"/],
  [
    '{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}',
    /args\[0\]\.index/,
  ],
  [
    '{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":-1,"op":"SCMP_CMP_EQ"}]}]}',
    /value: must be a whole number/,
  ],
  ['{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":[1],"action":"SCMP_ACT_ALLOW"}]}', /names\[0\]: must be a string/],
] as const) {
  test(`OCI: refused with its place: ${text.slice(-60)}`, () => {
    assert.match(
      problemOf(() => importOci({ file, text })),
      problem,
    );
  });
}

const SECCOMPILER = `{"vcpu": {"default_action": "trap", "filter_action": "allow", "filter": [
  {"syscall": "read"},
  {"syscall": "ioctl", "comment": "guest runs", "args": [{"index": 1, "type": "dword", "op": "eq", "val": 44672}]},
  {"syscall": "fcntl", "args": [{"index": 1, "type": "dword", "op": "eq", "val": 4}, {"index": 2, "type": "qword", "op": {"masked_eq": 18446744073709549567}, "val": 2}]},
  {"syscall": "madvise", "args": [{"index": 0, "type": "qword", "op": "ge", "val": 9223372036854775808}]}]},
 "api": {"default_action": {"errno": 1}, "filter_action": "allow", "filter": []}}`;

test("seccompiler: one thread of a file, 32 and 64 bits", () => {
  const imported = importSeccompiler({ file, text: SECCOMPILER, thread: "vcpu" });
  assert.equal(
    [1n << 32n, 0n].map((high) => ask(imported, "ioctl", 0n, high | 44672n)),
    ["allow", "allow"],
  );
  assert.equal(
    [2050n, 2n, 3n, BIG].map((arg) => ask(imported, "fcntl", 0n, 4n, arg)),
    ["allow", "allow", "trap", "trap"],
  );
  assert.equal(
    [1n << 63n, (1n << 63n) - 1n].map((arg) => ask(imported, "madvise", arg)),
    ["allow", "trap"],
  );
  assert.is(ask(importSeccompiler({ file, text: SECCOMPILER, thread: "api" }), "read"), "errno 1");
});

test("seccompiler: several threads without a name, and what is malformed, are refused", () => {
  assert.match(
    problemOf(() => importSeccompiler({ file, text: SECCOMPILER })),
    /--thread: vcpu, api/,
  );
  for (const [from, to, problem] of [
    ["dword", "word", /must be dword or qword/],
    ['"val": 4}', '"val": 4294967296}', /from 0 to 4294967295/],
    ['"eq"', '"equals"', /must be eq, ne/],
    ['"syscall": "read"', '"syscall": "raed"', /no syscall "raed"/],
    ['"trap"', '"maybe"', /no action "maybe"/],
  ] as const) {
    assert.match(
      problemOf(() => importSeccompiler({ file, text: SECCOMPILER.replace(from, to), thread: "vcpu" })),
      problem,
    );
  }
});

test.run();
