import * as assert from "uvu/assert";
import { parseControlText } from "../../../src/compliance/index.js";
import type { BulkheadError } from "../../../src/errors/index.js";
import { suite } from "../../support/harness.js";

const test = suite("control files", { needs: [], timeoutMs: 5000 });

const GOOD = `id: MY-01
group: own
title: do it
threat: It would be done.
layers: [seccomp]
constants:
  - {name: MY_FLAG, value: 64, header: my.h}
act:
  - {call: openat, args: [AT_FDCWD, "text:/etc/passwd", O_RDONLY|MY_FLAG, 0], as: file}
  - {call: sendmsg, args: [$file, [0, 0, ["hex:2041", 2], 1, 0, 0, 0], 0], repeat: 3}
  - {load: $data+8}
twin:
  title: do something else
  steps:
    - {call: getpid}
`;

function failureOf(text: string): string {
  try {
    parseControlText(text, "my.yaml");
  } catch (error) {
    assert.is((error as BulkheadError).code, "spec-invalid");
    return (error as BulkheadError).message;
  }
  throw new Error("it was read");
}

test("constants become numbers, what depends on the process stays as it is written", () => {
  const { act, roles, depth, needs } = parseControlText(GOOD, "my.yaml");
  assert.equal([roles, depth, needs], [null, false, []]);
  assert.equal(act, [
    { kind: "call", call: "openat", args: [-100n, "text:/etc/passwd", 64n, 0n], repeat: 1, as: "file" },
    {
      ...{ kind: "call", call: "sendmsg", repeat: 3, as: null },
      args: ["$file", [0n, 0n, ["hex:2041", 2n], 1n, 0n, 0n, 0n], 0n],
    },
    { kind: "load", address: "$data+8", value: 0n, as: null },
  ]);
});

for (const [what, from, to, message] of [
  ["a syscall that does not exist", "call: openat", "call: opnat", /my\.yaml:9:5.*no syscall "opnat".*did you mean "openat"/],
  ["a constant that does not exist", "O_RDONLY|MY_FLAG", "O_RDONLI", /my\.yaml:9:5.*no constant "O_RDONLI"/],
  ["an answer that no step before gave", "$file, [0", "$fiel, [0", /my\.yaml:10:5.*"\$fiel"/],
  ["an answer of the act in the twin", "call: getpid", "call: close, args: [$file]", /"\$file"/],
  ["two kinds in one step", "{load: $data+8}", "{load: $data, spin: true}", /exactly one of the keys/],
  ["bytes that are no bytes", "hex:2041", "hex:204", /no list of hexadecimal bytes/],
  ["too many arguments", "{call: getpid}", "{call: getpid, args: [1, 2, 3, 4, 5, 6, 7]}", /at most six|at most 6/],
  ["a key that is not known", "group: own", "group: own\nowner: me", /owner/],
  ["an id that is none", "id: MY-01", "id: mine", /an id: capital letters/],
  ["nobody who refuses it", "layers: [seccomp]", "layers: []", /at least one layer/],
  ["a layer that does not exist", "layers: [seccomp]", "layers: [secomp]", /seccomp/],
] as const) {
  test(`${what} is told with its place`, () => {
    assert.match(failureOf(GOOD.replace(from, to)), message);
  });
}

test.run();
